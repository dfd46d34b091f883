// Options of the benchmark ilsvrc2012: which images, and how the paper tests them.
import { type OptionTable, kinds } from '../../src/options.js';

const splits = ['val', 'test'] as const;
const testings = ['dense', 'multi-crop', 'both'] as const;

export const ilsvrcOptions = {
  split: {
    kind: kinds.choice(splits),
    help: 'ilsvrc2012: val, or test (predictions only)',
    default: 'val',
  },
  testing: {
    kind: kinds.choice(testings, 'how'),
    help: 'ilsvrc2012: test densely, on crops, or both (averaged)',
    default: 'dense',
    paper: 'both',
  },
  crops: {
    kind: kinds.whole(),
    help: 'ilsvrc2012: n x n crops per scale, each also mirrored',
    default: 5,
    paper: '5',
  },
  maxSide: {
    kind: kinds.whole({ value: 'pixels' }),
    help: 'ilsvrc2012: centre-crop scaled images longer than this',
    default: 2048,
  },
} as const satisfies OptionTable;
