// Caltech's protocol on any folder of images: a folder a class, random splits, mean class recall.
import type { Benchmark } from './protocol/benchmark.js';

export const folder: Benchmark = {
  name: 'folder',
  title: 'Folder of images, Caltech protocol',
  dataset: 'folder',
  recipe: { name: 'caltech' },
  protocol: { kind: 'random splits', splits: 3, trainPerClass: 30, validationShare: 0.2 },
  metric: 'meanClassRecall',
  published: [],
  notes: ['No figures are published for this data set.'],
};
