// The loops over whole tensors: large ones in two halves, one of which a helping thread takes where there is one. The halves do not depend
// on it, so that sums come out the same.
import { VerydeepError } from '../../../errors.js';
import type { Helper, Job } from '../threads/worker.js';
import type { Sessions } from '../sessions.js';
import { type Extent, type MomentumStep, ownLoops } from './loops.js';
import { type ForwardArrays, convolveUnits } from '../winograd/forward.js';
import { type GradientArrays, sumParts } from '../winograd/filter-gradient.js';
import type { WinogradTask } from '../winograd/units.js';

/** Numbers from which on waking another thread up is worth it. */
const LARGE = 2 ** 18;

type Arrays = readonly [Float32Array, Float32Array, Float32Array];

/** The three arrays, each cut where this share of it ends. */
const cut = (arrays: Arrays, share: number): [first: Arrays, second: Arrays] => {
  const places = arrays.map(({ length }) => Math.round(length * share));
  return [
    arrays.map((array, i) => array.subarray(0, places[i])) as unknown as Arrays,
    arrays.map((array, i) => array.subarray(places[i])) as unknown as Arrays,
  ];
};

/** Does two halves, the second by the helper if it can; what it fails in is done anew, but for an update in place, which may be half done. */
const together = <T>(
  helper: Helper | undefined,
  job: Job,
  arrays: Arrays,
  first: () => T,
  second: () => T,
): [T, T | Float64Array] => {
  const isTaken = helper?.begin(job, arrays) ?? false;
  let own: T;
  let others: Float64Array | undefined;
  try {
    own = first();
  } finally {
    // Whatever happens here, the arrays are the helper's until it is done.
    if (isTaken) others = helper!.finish();
  }
  if (isTaken && !others && job.kind === 'momentum')
    throw new VerydeepError('The helping thread of the engine ended in the middle of an update of weights.');
  return [own, others ?? second()];
};

const added = ([a, b]: [Float64Array, Float64Array]): Float64Array => a.map((value, i) => value + b[i]!);

/** The images of a batch in two halves; nothing for one image or few numbers. */
const halves = (extent: Extent, numbers: number): [first: Extent, second: Extent] | undefined => {
  if (extent.images < 2 || numbers < LARGE) return undefined;
  const images = extent.images >> 1;
  return [
    { ...extent, images },
    { ...extent, images: extent.images - images },
  ];
};

/** A gradient, batch by halves, and its sums. */
const gradient = (
  helper: Helper | undefined,
  job: { readonly kind: 'poolGradient' | 'reluGradient'; readonly positive: boolean },
  arrays: Arrays,
  extent: Extent,
  loop: (part: Arrays, extent: Extent) => Float64Array,
): Float64Array => {
  const two = halves(extent, arrays[2].length);
  if (!two) return loop(arrays, extent);
  const [a, b] = cut(arrays, two[0].images / extent.images);
  return added(
    together(
      helper,
      { ...job, extent: two[1] },
      b,
      () => loop(a, two[0]),
      () => loop(b, two[1]),
    ),
  );
};

const poolGradient = (
  helper: Helper | undefined,
  x: Float32Array,
  dy: Float32Array,
  dx: Float32Array,
  extent: Extent,
  positive: boolean,
): Float64Array =>
  gradient(helper, { kind: 'poolGradient', positive }, [x, dy, dx], extent, (part, of) =>
    ownLoops.poolGradient(...part, of, positive),
  );

const reluGradient = (
  helper: Helper | undefined,
  dy: Float32Array,
  z: Float32Array,
  dx: Float32Array,
  extent: Extent,
): Float64Array =>
  gradient(helper, { kind: 'reluGradient', positive: false }, [dy, z, dx], extent, (part, of) =>
    ownLoops.reluGradient(...part, of),
  );

const momentum = (
  helper: Helper | undefined,
  weight: Float32Array,
  velocity: Float32Array,
  slope: Float32Array,
  step: MomentumStep,
): void => {
  if (weight.length < LARGE) {
    ownLoops.momentum(weight, velocity, slope, step);
    return;
  }
  const middle = 16 * (weight.length >> 5);
  const [a, b] = cut([weight, velocity, slope], middle / weight.length);
  const done = (arrays: Arrays) => (): true => {
    ownLoops.momentum(...arrays, step);
    return true;
  };
  together(helper, { kind: 'momentum', step }, b, done(a), done(b));
};

/** What several threads compute a convolution with. */
export interface Crew {
  readonly helpers: readonly Helper[];
  /** Where they count units; the helpers' own. */
  readonly turns: Int32Array;
  /** Graphs of one thread, for this one. */
  readonly sessions: Sessions;
}

/** What threads take part in, piece by piece: the helpers that are free, and this thread. If one of them fails, all is done anew. */
const shared = (
  { helpers, turns, sessions }: Crew,
  job: Job,
  arrays: readonly Float32Array[],
  take: (sessions: Sessions, next: () => number) => void,
): void => {
  const next = (): number => Atomics.add(turns, 0, 1);
  Atomics.store(turns, 0, 0);
  const taken = helpers.filter((helper) => helper.begin(job, arrays));
  let done = 0;
  try {
    take(sessions, next);
  } finally {
    // Whatever happens here, the arrays are the helpers' until they are done.
    for (const helper of taken) if (helper.finish()) done++;
  }
  if (done === taken.length) return;
  Atomics.store(turns, 0, 0);
  take(sessions, next);
};

/** A convolution by Winograd's filtering. */
const convolution = (crew: Crew, task: WinogradTask, arrays: ForwardArrays): void =>
  shared(crew, { kind: 'convolution', task }, arrays, (sessions, next) =>
    convolveUnits(task, arrays, sessions, next),
  );

/** The sums of a filter's gradient by Winograd's filtering, in parts. */
const filterGradient = (crew: Crew, task: WinogradTask, arrays: GradientArrays): void =>
  shared(crew, { kind: 'filterGradient', task }, arrays, (sessions, next) =>
    sumParts(task, arrays, sessions, next),
  );

/** The loops with helpers, or without. An object, so that a profile can time them. */
export const tensorLoops = { poolGradient, reluGradient, momentum, convolution, filterGradient };
