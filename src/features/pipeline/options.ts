// Options of an extraction: weights, calibration for int8, limits.
import { option, text } from '../../errors.js';
import { type OptionTable, kinds } from '../../options.js';

export const netsOptions = {
  backbone: {
    kind: kinds.repeated(kinds.file()),
    help: 'backbone file (.safetensors), or builtin, the net that comes with verydeep; descriptors of several are stacked',
  },
} as const satisfies OptionTable;

export const onnxOptions = {
  onnx: { kind: kinds.file(), help: text`a net of others in ONNX, in place of ${option('backbone')}` },
  preprocess: {
    kind: kinds.text('file'),
    help: text`${option('onnx')}: how images become its input: the preprocessor_config.json of transformers, the config.json of timm, torchvision, or timm`,
  },
  pooling: {
    kind: kinds.choice(['average', 'max', 'first'], 'how'),
    help: text`${option('onnx')}: how a map's positions or tokens become one vector; first takes the class token`,
    otherwise: 'average',
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
