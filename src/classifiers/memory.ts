// The memory each solver needs, estimated before anything is allocated.
import { usableCores } from '../cores.js';
import { UsageError, option, text } from '../errors.js';
import { freeMemory } from '../memory.js';
import { dualBytes, whyNotDual } from './gram.js';
import { newtonBytes } from './newton.js';
import { blockRowsOf } from './primal.js';

/** A number of bytes and their use. */
type Need = readonly [what: string, bytes: number];

/** The size of a problem. */
interface Size {
  readonly rows: number;
  readonly columns: number;
  readonly classes: number;
  /** Whether the descriptors are in memory already. */
  readonly inMemory: boolean;
}

/** Available memory, and how much of it may be used. */
interface MemoryOptions {
  readonly threads?: number;
  readonly blockRows?: number;
  /** Bytes of memory that may be used; default the system's free memory. */
  readonly memory?: number;
  /** Whether the Gram matrix has been computed already. */
  readonly gram?: object;
}

/** Temporary blocks of a Gram matrix, and what ONNX Runtime uses itself. */
const PRODUCTS: Need = ['matrix products', 64 * 2 ** 20];

/** Bytes per row and class: alpha and decision values in float64, y alpha and scores in float32. */
const A_ROW_AND_CLASS = 24;

const threadsOf = ({ threads }: MemoryOptions): number => threads ?? usableCores();

const dualNeeds = ({ rows, columns, classes, inMemory }: Size, options: MemoryOptions): Need[] => [
  [`the Gram matrix of ${rows} rows`, options.gram ? 0 : dualBytes(rows, threadsOf(options))],
  ['descriptors', inMemory ? 0 : 4 * rows * columns],
  ['coefficients', A_ROW_AND_CLASS * rows * classes],
  ['weights', 8 * columns * classes],
  PRODUCTS,
];

/** libsvm-js in addition: the kernel as sent, as rows of float64, and as stored in its own memory. */
const libsvmNeeds = (size: Size, options: MemoryOptions): Need[] => [
  ...dualNeeds(size, options),
  ['the kernels of libsvm-js', (4 + 8 + 16) * size.rows ** 2],
];

const primalNeeds = ({ rows, columns, classes }: Size, options: MemoryOptions): Need[] => {
  const block = blockRowsOf({ rows, columns }, options);
  // Each block has as many companions; both are copied, beside the next companions and the rows being read.
  return [
    [`blocks of ${block} rows`, 5 * 4 * block * columns],
    ['their Gram matrix', dualBytes(Math.min(rows, 2 * block), threadsOf(options))],
    ['coefficients', 8 * rows * classes + 12 * 2 * block * classes],
    ['choosing the rows that go with each block', 200 * rows],
    ['weights', 16 * columns * classes],
    PRODUCTS,
  ];
};

const newtonNeeds = ({ rows, columns, classes }: Size): Need[] => [
  ['Hessians, coefficients and blocks of rows', newtonBytes(rows, columns, classes)],
  PRODUCTS,
];

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** "A and B"; the largest first, small ones left out. */
const listed = (needs: readonly Need[]): string => {
  const total = needs.reduce((sum, [, bytes]) => sum + bytes, 0);
  const parts = [...needs]
    .sort(([, a], [, b]) => b - a)
    .filter(([, bytes], i) => i === 0 || bytes > total / 50)
    .map(([what, bytes]) => `${gigabytes(bytes)} for ${what}`);
  return parts.length === 1 ? parts[0]! : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)!}`;
};

/** Why there is too little memory, or undefined. */
const lacking = (who: string, needs: readonly Need[], options: MemoryOptions): string | undefined => {
  const total = needs.reduce((sum, [, bytes]) => sum + bytes, 0);
  const free = options.memory ?? freeMemory().bytes;
  if (total <= free) return undefined;
  return `${who} needs ${gigabytes(total)} of memory (${listed(needs)}), but ${gigabytes(free)} are free`;
};

/** Why the dual solver cannot solve a problem, or undefined if it can. */
export const whyNotBy = (
  solver: 'dual' | 'primal' | 'newton' | 'libsvm',
  size: Size,
  options: MemoryOptions,
): string | undefined => {
  if (solver === 'newton') return lacking("Newton's method", newtonNeeds(size), options);
  if (solver === 'primal') return lacking('the primal solver', primalNeeds(size, options), options);
  const { threads } = options;
  const unlimited = { ...(threads === undefined ? {} : { threads }), memory: Infinity };
  const tooMany = options.gram ? undefined : whyNotDual(size.rows, unlimited);
  if (tooMany) return tooMany;
  return solver === 'dual'
    ? lacking('the dual solver', dualNeeds(size, options), options)
    : lacking('libsvm-js', libsvmNeeds(size, options), options);
};

const remedies = {
  dual: text`Choose ${option('solver')} primal, which streams them, or train on fewer images.`,
  primal: 'Train on fewer images or fewer classes at a time, or free memory.',
  newton: 'Train fewer classes at a time, choose the primal solver, or free memory.',
  libsvm: text`Choose ${option('solver')} dual or primal, or train on fewer images.`,
} as const;

/**
 * Refuses a problem for which the solver has too little memory. @throws UsageError saying how much is needed,
 * and what to do
 */
export const checkMemory = (
  solver: 'dual' | 'primal' | 'newton' | 'libsvm',
  size: Size,
  options: MemoryOptions,
): void => {
  const reason = whyNotBy(solver, size, options);
  if (reason) {
    throw new UsageError(text`The SVM solver cannot take these descriptors: ${reason}. ${remedies[solver]}`);
  }
};
