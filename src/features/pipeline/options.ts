// Options of an extraction: weights, calibration for int8, limits.
import { type OptionTable, kinds } from '../../options.js';

export const netsOptions = {
  backbone: {
    kind: kinds.repeated(kinds.file()),
    help: 'backbone file (.safetensors); descriptors of several are stacked',
  },
} as const satisfies OptionTable;

export const workerOptions = {
  workers: {
    kind: kinds.whole(),
    help: 'number of worker threads',
    otherwise: 'depends on the net and the provider',
  },
} as const satisfies OptionTable;

/** Options of int8 calibration. */
export const int8Options = {
  calibration: {
    kind: kinds.folder(),
    help: 'int8: folder of calibration images (searched recursively)',
  },
  calibrationImages: {
    kind: kinds.whole({ from: 2 }),
    help: 'int8: number of calibration images',
    default: 24,
  },
  allowLowFidelity: { kind: kinds.flag(), help: 'use int8 even if it fails the fidelity check' },
} as const satisfies OptionTable;

export const limitOptions = {
  maxPixels: {
    kind: kinds.whole(),
    help: 'skip images of more pixels than this',
    otherwise: '100 million',
  },
} as const satisfies OptionTable;
