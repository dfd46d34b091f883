// Caltech-101: 102 classes with the background class, three splits of 30 training and at most 50 test images a class (table 11).
import type { Benchmark } from './protocol/benchmark.js';

export const caltech101: Benchmark = {
  name: 'caltech101',
  title: 'Caltech-101',
  dataset: 'caltech101',
  recipe: { name: 'caltech' },
  protocol: {
    kind: 'random splits',
    splits: 3,
    trainPerClass: 30,
    testPerClass: 50,
    validationShare: 0.2,
  },
  metric: 'meanClassRecall',
  published: [
    { method: 'Zeiler & Fergus', mean: 86.5, std: 0.5 },
    { method: 'Chatfield et al.', mean: 88.4, std: 0.6 },
    { method: 'He et al.', mean: 93.4, std: 0.5 },
    { method: 'VGG D', mean: 91.8, std: 1.0 },
    { method: 'VGG E', mean: 92.3, std: 0.5 },
    { method: 'VGG D & E', mean: 92.7, std: 0.5 },
  ],
  notes: [
    'The paper counts 102 classes: 101 objects and the background class.',
    'Its splits are not published: figures differ by the draw as well as by the method.',
  ],
};
