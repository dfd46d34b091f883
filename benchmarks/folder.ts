// Any folder of images, a folder a class: its own training and test images, or Caltech's random splits; mean class recall.
import { type Benchmark, FEW_IMAGES } from './protocol/benchmark.js';

export const folder: Benchmark = {
  name: 'folder',
  title: 'Folder of images, Caltech protocol',
  dataset: 'folder',
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
