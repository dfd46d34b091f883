// PASCAL VOC 2007 classification: C chosen by train → val, then trainval → test, mean average precision (table 11).
import type { Benchmark } from './protocol/benchmark.js';

export const voc2007: Benchmark = {
  name: 'voc2007',
  title: 'PASCAL VOC 2007 classification',
  dataset: 'voc2007',
  recipe: { name: 'voc' },
  protocol: {
    kind: 'official splits',
    runs: [{ train: 'trainval', test: 'test', choose: { validate: 'val' }, scored: true }],
    form: '11-point',
    both: true,
    server: { folder: 'results/VOC2007/Main', competition: 'comp2_cls' },
  },
  metric: 'mAP',
  publishedOn: 'test',
  published: [
    { method: 'Chatfield et al.', mean: 82.4 },
    { method: 'He et al.', mean: 82.4 },
    { method: 'Wei et al.', mean: 81.5 },
    { method: 'Wei et al.', mean: 85.2, note: 'pre-trained on 2,000 classes' },
    { method: 'VGG D', mean: 89.3 },
    { method: 'VGG E', mean: 89.3 },
    { method: 'VGG D & E', mean: 89.7 },
  ],
  notes: [
    'The figure is the 11-point form, the measure of this challenge; the paper does not say which form it reports.',
    'Images with only difficult objects of a class are on neither side, in training and in testing.',
  ],
};
