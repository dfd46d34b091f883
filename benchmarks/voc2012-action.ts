// PASCAL VOC 2012 action classification: ten actions of persons in boxes, with "other" as distractors (table 12).
import type { Benchmark } from './protocol/benchmark.js';
import { VAL_NOTE, voc2012Splits } from './protocol/voc2012-splits.js';

export const voc2012Action: Benchmark = {
  name: 'voc2012-action',
  title: 'PASCAL VOC 2012 action classification',
  dataset: 'voc2012-action',
  recipe: { name: 'action' },
  protocol: voc2012Splits({ folder: 'results/VOC2012/Action', competition: 'comp10_action' }),
  metric: 'mAP',
  publishedOn: 'test',
  published: [
    { method: 'Oquab et al.', mean: 70.2, note: 'pre-trained on 1,512 classes' },
    { method: 'Gkioxari et al.', mean: 73.6 },
    { method: 'Hoai', mean: 76.3 },
    { method: 'VGG D & E', mean: 79.2, note: 'image only' },
    { method: 'VGG D & E', mean: 84.0, note: 'image and box' },
  ],
  notes: [
    VAL_NOTE,
    'Persons labelled "other" are negatives of every action and have no classifier of their own.',
    'By default the descriptor of the whole image and that of the person’s box are stacked; the region “image” leaves the box out.',
  ],
};
