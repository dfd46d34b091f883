// Any table of images: the training and test images of its split column, or Caltech's random splits; mean class recall or AP.
import { type Benchmark, FEW_IMAGES } from './protocol/benchmark.js';

export const csv: Benchmark = {
  name: 'csv',
  title: 'Table of images, Caltech protocol',
  dataset: 'csv',
  recipe: { name: 'caltech' },
  protocol: {
    kind: 'random splits',
    splits: 3,
    trainPerClass: 30,
    validationShare: 0.2,
    foldsBelow: FEW_IMAGES,
  },
  metric: 'meanClassRecall',
  published: [],
  notes: ['No figures are published for this data set.'],
};
