// Options of a benchmark's protocol: splits, classes of nested folders, intervals, saved models.
import { type OptionTable, kinds } from '../../src/options.js';

/** Names of protocols: the paper's, and others on the same data. */
export const protocols = ['paper', 'vissl'] as const;
export type ProtocolName = (typeof protocols)[number];

export const protocolOptions = {
  trainPerClass: {
    kind: kinds.whole(),
    help: 'training images per class',
    otherwise: "the benchmark's",
    paper: 'Caltech-101 30; Caltech-256 60',
  },
  testPerClass: {
    kind: kinds.whole(),
    help: 'maximum number of test images per class',
    otherwise: 'all others; Caltech-101 50',
    paper: 'Caltech-101 50',
  },
  splits: { kind: kinds.whole(), help: 'random splits', otherwise: '3', paper: '3' },
  classLevel: {
    kind: kinds.whole(),
    help: 'number of folders of the path that form the class',
    otherwise: 'all',
  },
  keepTogether: {
    kind: kinds.whole(),
    help: 'keep images with the same first n folders on the same side of each split',
  },
  testOn: {
    kind: kinds.choice(['test', 'val'], 'split'),
    help: 'test split of VOC, or of a folder or table with splits; for val, train alone is trained on',
    otherwise: "the benchmark's; test if present",
  },
  allowSeen: {
    kind: kinds.flag(),
    help: 'test even if the net was trained on more than 1 % of the test images',
  },
  protocol: {
    kind: kinds.choice(protocols),
    help: "the paper's, or for voc2007 that of FAIR and VISSL",
    default: 'paper',
  },
  resamples: {
    kind: kinds.whole({ from: 2 }),
    help: 'bootstrap samples of the confidence intervals',
    otherwise: '1000',
  },
  saveModels: { kind: kinds.flag(), help: 'save the SVMs of each split, for `verydeep predict`' },
} as const satisfies OptionTable;

export const featuresOptions = {
  features: {
    kind: kinds.repeated(kinds.folder()),
    help: 'descriptors written by `verydeep extract` or `features import`',
  },
} as const satisfies OptionTable;
