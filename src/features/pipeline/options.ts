// Options of an extraction: weights, calibration for int8, limits.
import { type OptionTable, kinds } from '../../options.js';

export const netsOptions = {
  backbone: {
    kind: kinds.repeated(kinds.file()),
    help: 'backbone weights (.safetensors); several nets are fused',
  },
} as const satisfies OptionTable;

export const workerOptions = {
  workers: { kind: kinds.whole(), help: 'worker threads', otherwise: 'what suits the net and the provider' },
} as const satisfies OptionTable;

/** How int8 is calibrated. */
export const int8Options = {
  calibration: {
    kind: kinds.folder(),
    help: 'int8: folder of images to calibrate on, flat or nested',
  },
  calibrationImages: {
    kind: kinds.whole({ from: 2 }),
    help: 'int8: how many images calibrate',
    default: 24,
  },
  force: { kind: kinds.flag(), help: 'use int8 even if it fails the fidelity check' },
} as const satisfies OptionTable;

export const limitOptions = {
  maxPixels: {
    kind: kinds.whole(),
    help: 'skip images of more pixels',
    otherwise: '100 million',
  },
} as const satisfies OptionTable;
