// The VOC 2007 protocol of FAIR's self-supervision benchmark and VISSL, for comparison with their figures.
import type { Benchmark, OfficialSplits } from './benchmark.js';
import { voc2007 } from '../voc2007.js';

/** C as that protocol tries it: 0.01, 0.1 and the powers of one half from the 4th to the 19th. */
const cGrid = [0.01, 0.1, ...Array.from({ length: 16 }, (_, i) => 0.5 ** (4 + i))];

export const voc2007Vissl: Benchmark = {
  ...voc2007,
  title: 'PASCAL VOC 2007 classification, VISSL protocol',
  recipe: { name: 'center-crop', descriptorNorm: 'none' },
  norm: 1e-5,
  svm: {
    loss: 'squared-hinge',
    classWeight: { positive: 2, negative: 1 },
    cGrid,
  },
  protocol: {
    ...(voc2007.protocol as OfficialSplits),
    form: 'all-points',
    both: false,
    folds: 3,
  },
  published: [],
  notes: [
    'Not comparable with the paper: one centre crop, one C a class by 3-fold cross-validation, average precision over all points.',
    'Images with only difficult objects of a class are negatives in training and on neither side in testing.',
    'Descriptors are divided by their norm plus 0.00001; positives weigh twice.',
  ],
};
