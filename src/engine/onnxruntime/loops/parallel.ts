// The loops over whole tensors, on two threads: a worker takes half of a large tensor, since one thread alone does not read memory as
// fast as the machine can. The halves are the same without a worker, so that sums are the same too.
import { VerydeepError } from '../../../errors.js';
import type { ComputeWorker, TaskKind } from '../threads/worker.js';
import { type Extent, type MomentumStep, serialLoops } from './loops.js';

/** Elements from which on waking another thread is worth it. */
const LARGE = 2 ** 18;

type Arrays = readonly [Float32Array, Float32Array, Float32Array];

/** The arrays, each cut at this share of it. */
const cut = (arrays: Arrays, share: number): [first: Arrays, second: Arrays] => {
  const ends = arrays.map(({ length }) => Math.round(length * share));
  return [
    arrays.map((array, i) => array.subarray(0, ends[i])) as unknown as Arrays,
    arrays.map((array, i) => array.subarray(ends[i])) as unknown as Arrays,
  ];
};

/** The second half of a loop, as the worker takes it. */
interface Half {
  readonly kind: TaskKind;
  readonly parameters: readonly number[];
  readonly arrays: readonly Float32Array[];
  /** Sums that the loop returns. */
  readonly sums: number;
}

/** Computes both halves, the second by the worker if it is free; a half in which it fails is computed again here. */
export const bothHalves = <T>(
  worker: ComputeWorker | undefined,
  half: Half,
  first: () => T,
  second: () => T,
): [T, T | Float64Array] => {
  const isTaken = worker?.begin(half) ?? false;
  let own: T;
  let others: Float64Array | undefined;
  try {
    own = first();
  } finally {
    // Even if this thread fails: the worker uses the arrays until it is done.
    if (isTaken) others = worker!.finish();
  }
  // An update in place may be half done and cannot be repeated.
  if (isTaken && !others && half.kind === 'momentum')
    throw new VerydeepError('The worker thread of the engine ended in the middle of an update of weights.');
  return [own, others ?? second()];
};

export const added = ([a, b]: [Float64Array, Float64Array]): Float64Array =>
  a.map((value, i) => value + b[i]!);

/** The images of a batch in two halves; undefined for one image or few elements. */
export const halvesOf = (extent: Extent, length: number): [first: Extent, second: Extent] | undefined => {
  if (extent.images < 2 || length < LARGE) return undefined;
  const images = extent.images >> 1;
  return [
    { ...extent, images },
    { ...extent, images: extent.images - images },
  ];
};

/** A gradient by halves of the batch, and its sums. */
const gradient = (
  worker: ComputeWorker | undefined,
  kind: 'poolGradient' | 'reluGradient',
  arrays: Arrays,
  extent: Extent,
  positive: boolean,
): Float64Array => {
  const compute = (half: Arrays, of: Extent): Float64Array =>
    kind === 'poolGradient'
      ? serialLoops.poolGradient(...half, of, positive)
      : serialLoops.reluGradient(...half, of);
  const halves = halvesOf(extent, arrays[2].length);
  if (!halves) return compute(arrays, extent);
  const [first, second] = halves;
  const [a, b] = cut(arrays, first.images / extent.images);
  const { images, planes, rows, columns, channels } = second;
  const parameters = [images, planes, rows, columns, channels, Number(positive)];
  return added(
    bothHalves(
      worker,
      { kind, parameters, arrays: b, sums: planes * channels },
      () => compute(a, first),
      () => compute(b, second),
    ),
  );
};

const poolGradient = (
  worker: ComputeWorker | undefined,
  x: Float32Array,
  dy: Float32Array,
  dx: Float32Array,
  extent: Extent,
  positive: boolean,
): Float64Array => gradient(worker, 'poolGradient', [x, dy, dx], extent, positive);

const reluGradient = (
  worker: ComputeWorker | undefined,
  dy: Float32Array,
  z: Float32Array,
  dx: Float32Array,
  extent: Extent,
): Float64Array => gradient(worker, 'reluGradient', [dy, z, dx], extent, false);

const momentum = (
  worker: ComputeWorker | undefined,
  weight: Float32Array,
  velocity: Float32Array,
  gradient: Float32Array,
  step: MomentumStep,
): void => {
  if (weight.length < LARGE) {
    serialLoops.momentum(weight, velocity, gradient, step);
    return;
  }
  const middle = 16 * (weight.length >> 5);
  const [a, b] = cut([weight, velocity, gradient], middle / weight.length);
  const update = (half: Arrays) => (): true => {
    serialLoops.momentum(...half, step);
    return true;
  };
  const parameters = [step.learningRate, step.momentum, step.decay];
  bothHalves(worker, { kind: 'momentum', parameters, arrays: b, sums: 0 }, update(a), update(b));
};

/** The loops of {@link serialLoops} on two threads where there is a worker. An object, so that a profile can time them. */
export const parallelLoops = { poolGradient, reluGradient, momentum };
