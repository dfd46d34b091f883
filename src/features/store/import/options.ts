// Options of an import of descriptors.
import { option, text } from '../../../errors.js';
import { type OptionTable, kinds } from '../../../options.js';
import { matchRules } from './match.js';

export const storeImportOptions = {
  ids: {
    kind: kinds.file(),
    help: 'file that names the image of each row: text (one a line), CSV, .npy, or any format of descriptors',
    otherwise: 'a column of the file; for .npy and .pt the CSV or text of that name beside it',
  },
  column: {
    kind: kinds.text('name'),
    help: 'column, array or dataset of the vectors',
    otherwise: 'the only one',
  },
  idColumn: {
    kind: kinds.text('name'),
    help: 'column, array or dataset that names the images',
    otherwise: 'id, path, filename, …, or the only one',
  },
  match: {
    kind: kinds.choice(matchRules, 'rule'),
    help: "what the names are: the data set's ids, paths, or file names without folder and extension",
    otherwise: 'the one that finds the most images',
  },
  partial: {
    kind: kinds.flag(),
    help: 'import what matches, even if rows match no image or images have no row',
  },
  name: {
    kind: kinds.text('name'),
    help: 'whose descriptors these are, for reports: "DINO ViT-S/16"',
    otherwise: "the file's name",
  },
  layer: { kind: kinds.text('name'), help: 'name of the layer in the store', default: 'features' },
  descriptorNorm: {
    kind: kinds.choice(['none', 'l2'], 'how'),
    help: 'L2-normalise the vectors, or not at all',
    default: 'none',
    paper: 'l2',
  },
  store: {
    kind: kinds.choice(['float32', 'float16'], 'type'),
    help: text`number type of the store; ${option('store')} float16 halves its size`,
    otherwise: 'float16 if that is the type of the file, else float32',
  },
} as const satisfies OptionTable;
