// Options of a benchmark's protocol: splits, classes of nested folders, intervals, saved models.
import { type OptionTable, kinds } from '../../src/options.js';

/** Names of protocols: the paper's, and others on the same data. */
export const protocols = ['paper', 'vissl'] as const;
export type ProtocolName = (typeof protocols)[number];

export const protocolOptions = {
  trainPerClass: {
    kind: kinds.whole(),
    help: 'training images a class',
    otherwise: "the benchmark's",
    paper: 'Caltech-101 30; Caltech-256 60',
  },
  testPerClass: {
    kind: kinds.whole(),
    help: 'test images a class, at most',
    otherwise: 'all others; Caltech-101 50',
    paper: 'Caltech-101 50',
  },
  splits: { kind: kinds.whole(), help: 'random splits', otherwise: '3', paper: '3' },
  classLevel: {
    kind: kinds.whole(),
    help: 'how many folders of the path make the class',
    otherwise: 'all',
  },
  keepTogether: {
    kind: kinds.whole(),
    help: 'images that share their first n folders are never on both sides of a split',
  },
  testOn: {
    kind: kinds.choice(['test', 'val'], 'split'),
    help: 'the split that tests, of VOC or of a folder or table with splits; val is tested by what train trained',
    otherwise: "the benchmark's; test where there is one",
  },
  allowSeen: {
    kind: kinds.flag(),
    help: 'test even where more than 1 % of the test images trained the net',
  },
  protocol: {
    kind: kinds.choice(protocols),
    help: "the paper's, or for voc2007 that of FAIR and VISSL",
    default: 'paper',
  },
  resamples: {
    kind: kinds.whole({ from: 2 }),
    help: 'draws of the bootstrap intervals',
    otherwise: '1000',
  },
  saveModels: { kind: kinds.flag(), help: 'keep the SVMs of each split, for `verydeep predict`' },
} as const satisfies OptionTable;

export const featuresOptions = {
  features: {
    kind: kinds.repeated(kinds.folder()),
    help: 'descriptors on disk, made by `verydeep extract`',
  },
} as const satisfies OptionTable;
