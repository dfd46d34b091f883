// Caltech-256: 257 classes with clutter, three splits of 60 training images a class and all others as test (table 11).
import type { Benchmark } from './protocol/benchmark.js';

export const caltech256: Benchmark = {
  name: 'caltech256',
  title: 'Caltech-256',
  dataset: 'caltech256',
  recipe: { name: 'caltech' },
  protocol: { kind: 'random splits', splits: 3, trainPerClass: 60, validationShare: 0.2 },
  metric: 'meanClassRecall',
  published: [
    { method: 'Zeiler & Fergus', mean: 74.2, std: 0.3 },
    { method: 'Chatfield et al.', mean: 77.6, std: 0.1 },
    { method: 'VGG D', mean: 85.0, std: 0.2 },
    { method: 'VGG E', mean: 85.1, std: 0.3 },
    { method: 'VGG D & E', mean: 86.2, std: 0.3 },
  ],
  notes: [
    'The paper counts 257 classes: 256 objects and the clutter class.',
    'Its splits are not published: figures differ by the draw as well as by the method.',
  ],
};
