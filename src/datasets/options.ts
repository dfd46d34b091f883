// Options of data sets: path, split, columns of a table.
import { type OptionTable, kinds } from '../options.js';

export const datasetOptions = {
  data: { kind: kinds.folder(), help: 'unpacked root of the data set, or the folder of its archives' },
} as const satisfies OptionTable;

export const splitOptions = {
  split: { kind: kinds.text('name'), help: 'part of the data set: train, val, trainval, test' },
} as const satisfies OptionTable;

/** The columns of a `csv` data set. */
export const csvOptions = {
  pathColumn: { kind: kinds.text('name'), help: 'csv: column of image paths', otherwise: 'path' },
  labelColumn: { kind: kinds.text('name'), help: 'csv: column of labels', otherwise: 'label, if present' },
  splitColumn: { kind: kinds.text('name'), help: 'csv: column of splits', otherwise: 'split, if present' },
  delimiter: {
    kind: kinds.text('character'),
    help: 'csv: field delimiter, a character or tab',
    otherwise: 'detected from the header: comma, semicolon, tab or bar',
  },
  labelSeparator: { kind: kinds.text(), help: 'csv: separator of several labels in a field' },
} as const satisfies OptionTable;

/** Caltech's background or clutter class. */
export const backgroundOptions = {
  background: {
    kind: kinds.flag(),
    help: 'Caltech: leave out the background or clutter class',
    default: true,
    paper: 'kept',
  },
} as const satisfies OptionTable;

/** Which images validate. */
export const validationOptions = {
  validation: {
    kind: kinds.number({ from: 0, below: 1, value: 'share' }),
    help: "share of each class's training images held out for validation, even if the data set has a val split",
    otherwise: "the data set's val split; 0.1 if it has none",
  },
} as const satisfies OptionTable;

export const downloadOptions = {
  mirror: { kind: kinds.text('url'), help: 'URL of a folder that is tried before the publishers' },
} as const satisfies OptionTable;
