// PASCAL VOC 2012 classification: train → val scored here, trainval → test as result files for the server (table 11).
import type { Benchmark } from './protocol/benchmark.js';
import { VAL_NOTE, voc2012Splits } from './protocol/voc2012-splits.js';

export const voc2012: Benchmark = {
  name: 'voc2012',
  title: 'PASCAL VOC 2012 classification',
  dataset: 'voc2012',
  recipe: { name: 'voc' },
  protocol: voc2012Splits({ folder: 'results/VOC2012/Main', competition: 'comp2_cls' }),
  metric: 'mAP',
  publishedOn: 'test',
  published: [
    { method: 'Zeiler & Fergus', mean: 79.0 },
    { method: 'Chatfield et al.', mean: 83.2 },
    { method: 'Wei et al.', mean: 81.7 },
    { method: 'Wei et al.', mean: 90.3, note: 'pre-trained on 2,000 classes' },
    { method: 'VGG D', mean: 89.0 },
    { method: 'VGG E', mean: 89.0 },
    { method: 'VGG D & E', mean: 89.3 },
  ],
  notes: [
    VAL_NOTE,
    'C was chosen on a fifth of the training images for the figure on val, and by train → val for the result files.',
    'Images with only difficult objects of a class are on neither side, in training and in testing.',
  ],
};
