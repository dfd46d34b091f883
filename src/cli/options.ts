// The flags that several commands share: one table, so that a flag has the same name, meaning and check everywhere.
import { availableParallelism } from 'node:os';
import { Option } from 'commander';
import type { ClassWeights } from '../classifiers/problem.js';
import type { CsvOptions } from '../datasets/csv.js';
import { expected } from '../errors.js';
import { parseShard } from './shard.js';

const list =
  <T>(parse: (text: string, flag: string) => T, flag: string) =>
  (text: string): T[] =>
    text.split(',').map((part) => parse(part.trim(), flag));

/** Parses a whole number of at least `least`; throws UsageError that names the flag. */
export const integer = (text: string, flag: string, least = 1): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least) {
    throw expected(`a whole number of at least ${least}`, flag, text);
  }
  return value;
};

/** Parses a finite number of at least `least` (or above it, if `open`); throws UsageError that names the flag. */
export const number = (text: string, flag: string, least = -Infinity, open = false): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < least || (open && value === least)) {
    throw expected(`a number ${open ? 'above' : 'of at least'} ${least}`, flag, text);
  }
  return value;
};

/**
 * Parses factors of C: `balanced`, that of the positives (`3`, LIBLINEAR's -w1), or of positives and negatives (`3:0.5`).
 *
 * @throws UsageError that names --class-weight
 */
export const classWeights = (text: string): ClassWeights => {
  if (text === 'balanced') return text;
  const parts = text.split(':');
  if (parts.length > 2) {
    throw expected('balanced, a number, or two as in 3:0.5', '--class-weight', text);
  }
  const [positive, negative = 1] = parts.map((part) => number(part, '--class-weight', 0, true));
  return { positive: positive!, negative };
};

/** Collects a flag that may be given several times, or once with several values. */
const collect = (text: string, previous: string[] | undefined): string[] => [...(previous ?? []), text];

/** Every shared flag. A command takes those it needs: `command.addOption(shared.data())`. */
export const shared = {
  data: () => new Option('--data <dir>', 'unpacked root of the data set, or the folder of its archives'),
  backbone: () =>
    new Option('--backbone <file>', 'backbone weights (.safetensors); repeat to fuse several nets').argParser(
      collect,
    ),
  features: () =>
    new Option('--features <dir>', 'descriptors on disk, made by `verydeep extract`; repeatable').argParser(
      collect,
    ),
  out: () => new Option('--out <dir>', 'folder for the results'),
  split: () => new Option('--split <name>', 'part of the data set: train, val, trainval, test'),
  scales: () =>
    new Option('--scales <list>', 'smallest sides Q in pixels, e.g. 256,384,512').argParser(
      list(integer, '--scales'),
    ),
  aggregate: () =>
    new Option('--aggregate <how>', 'how scales are joined').choices(['average', 'stack', 'max'] as const),
  noFlip: () => new Option('--no-flip', 'leave out the mirrored image'),
  layer: () => new Option('--layer <name>', 'layer whose activations are the descriptor').default('fc7'),
  precision: () =>
    new Option('--precision <type>', 'arithmetic of extraction')
      .choices(['fp32', 'int8'] as const)
      .default('fp32'),
  calibration: (otherwise?: string) =>
    new Option(
      '--calibration <dir>',
      `int8: folder of images to calibrate on, flat or nested${otherwise ? ` (default: ${otherwise})` : ''}`,
    ),
  calibrationImages: () =>
    new Option('--calibration-images <n>', 'int8: how many images calibrate')
      .argParser((text: string) => integer(text, '--calibration-images', 2))
      .default(24),
  forceInt8: () => new Option('--force', 'int8: even where its descriptors are too far from those in fp32'),
  engine: () =>
    new Option('--engine <name>', 'what computes')
      .choices(['auto', 'onnxruntime', 'tensorflow'] as const)
      .default('auto'),
  provider: () =>
    new Option('--provider <name>', "ONNX Runtime's execution provider")
      .choices(['cpu', 'webgpu', 'cuda'] as const)
      .default('cpu'),
  gpu: () =>
    new Option('--gpu <n>', 'which GPU, counted from 0').argParser((text: string) =>
      integer(text, '--gpu', 0),
    ),
  threads: () =>
    new Option('--threads <n>', 'threads that compute')
      .argParser((text: string) => integer(text, '--threads'))
      .default(availableParallelism(), 'all cores'),
  workers: () =>
    new Option('--workers <n>', 'worker threads').argParser((text: string) => integer(text, '--workers')),
  trainPerClass: () =>
    new Option('--train-per-class <n>', 'training images a class').argParser((text: string) =>
      integer(text, '--train-per-class'),
    ),
  splits: () =>
    new Option('--splits <n>', 'random splits').argParser((text: string) => integer(text, '--splits')),
  solver: () =>
    new Option('--solver <name>', 'SVM solver')
      .choices(['auto', 'dual', 'primal', 'libsvm'] as const)
      .default('auto'),
  seed: () =>
    new Option('--seed <n>', 'seed of everything random')
      .argParser((text: string) => integer(text, '--seed', 0))
      .default(1),
  shard: () =>
    new Option(
      '--shard <i/n>',
      'do only the i-th of n shares, counted from 0; auto/n takes i from Kubernetes, Slurm or AWS Batch',
    ).argParser((text: string) => parseShard(text)),
  resume: () => new Option('--resume', 'continue what an earlier run left in --out'),
  json: () => new Option('--json', 'print one JSON document on standard output'),
  quiet: () => new Option('--quiet', 'no progress'),
};

/** Flags that describe the table of a `csv` data set. */
export const csvFlags = (): Option[] => [
  new Option('--path-column <name>', 'csv: column of image paths [path]'),
  new Option('--label-column <name>', 'csv: column of labels [label]'),
  new Option('--split-column <name>', 'csv: column of splits [split, if there]'),
  new Option('--label-separator <text>', 'csv: separates several labels in a field'),
];

/** Those flags as commander gives them. */
export type CsvFlags = Pick<CsvOptions, 'pathColumn' | 'labelColumn' | 'splitColumn' | 'labelSeparator'>;

/** What of the flags describes the table; those that were not given are left out. */
export const csvOf = ({ pathColumn, labelColumn, splitColumn, labelSeparator }: CsvFlags): CsvFlags => ({
  ...(pathColumn !== undefined && { pathColumn }),
  ...(labelColumn !== undefined && { labelColumn }),
  ...(splitColumn !== undefined && { splitColumn }),
  ...(labelSeparator !== undefined && { labelSeparator }),
});
