// Options of importing and exporting weights.
import { type Kind, type OptionTable, kinds } from '../../options.js';

export const exportFormats = ['onnx', 'onnx-external', 'torchvision', 'tfjs', 'float16'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const importOptions = {
  input: {
    kind: kinds.text('how'),
    help: "preprocessing, if it differs from the format's default: oxford, torchvision or JSON",
  },
  classes: { kind: kinds.file(), help: 'file with the class names, one per line' },
  key: {
    kind: kinds.text('name'),
    help: 'net to import from a file with several: a key of the checkpoint, or the prefix of its tensor names',
  },
} as const satisfies OptionTable;

/** Bits of a weight. */
const bits: Kind<7 | 8> = {
  value: 'n',
  what: 'one of 7, 8',
  choices: ['7', '8'],
  parse: (text) => ([7, 8] as const).find((number) => String(number) === text),
  holds: (given) => given === 7 || given === 8,
};

export const exportOptions = {
  format: { kind: kinds.choice(exportFormats), help: 'format to write' },
  bits: {
    kind: bits,
    help: 'int8: bits of a weight; 7 for processors without VNNI',
    otherwise: 'depends on this processor',
  },
} as const satisfies OptionTable;
