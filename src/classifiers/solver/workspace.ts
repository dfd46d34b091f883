// The memory of one binary problem on a Gram matrix, in a layout shared by plain TypeScript and WebAssembly.

/**
 * Maximum number of active rows: their part of the Gram matrix (17 MB) stays in the cache. Not a power of
 * two: the same column of neighbouring rows would map to the same few cache lines.
 */
const ACTIVE = 2064;

/** Maximum number of coefficients that a step of Newton's method takes: their system takes 1 MB. */
const MOST_FREE = 512;

/**
 * Histogram buckets of violations, for selecting the strongest without sorting: the top bits of a float32.
 */
export const BUCKETS = 4096;

/** Indices in {@link Workspace.report}. */
export const REPORT = {
  /** Σ alpha - ½ Σ alpha y (f + b) - ½ Σ diagonal alpha². */
  dual: 0,
  /** ½ Σ alpha y (f + b) + Σ cost of the losses. */
  primal: 1,
  supportVectors: 2,
  /** Steps of single coefficients, summed up over the problem. */
  updates: 3,
  /** Rows in the active set, and how many of them have their part of the Gram matrix copied. */
  active: 4,
  gathered: 6,
  /** Σ y alpha. */
  balance: 5,
  /** Distance between the strongest violations of both signs. */
  spread: 7,
  /** The spread at which the previous C's solution was accepted; Infinity for the first C. */
  settled: 8,
  /** Support vectors that are not at their upper bound. */
  free: 9,
  length: 10,
} as const;

/**
 * Vectors of one problem: `n` rows of the Gram matrix, of which `m` at most are active. `memory` is the WebAssembly memory's buffer
 * or any other; every array is a view of it.
 */
export interface Workspace {
  readonly n: number;
  readonly m: number;
  /** [n, n] inner products, without the bias. */
  readonly gram: Float32Array;
  /** +1, -1, or 0 for a row that does not train. */
  readonly y: Float64Array;
  /** Upper bound of alpha: C times the weight (hinge), Infinity (squared hinge), 0 for a row that does not train. */
  readonly upper: Float64Array;
  /** Cost of a unit of loss: C times the weight. */
  readonly cost: Float64Array;
  /** Added to the Gram matrix's diagonal: 0 (hinge), 1 / (2 cost) (squared hinge). */
  readonly diagonal: Float64Array;
  readonly alpha: Float64Array;
  /**
   * Decision values without the bias, Σ alphaⱼ yⱼ gram[i, j], of all rows, including those that do not train.
   */
  readonly f: Float64Array;
  /** Violation of the optimality conditions, with the sign of the change of y alpha that reduces it. */
  readonly violation: Float32Array;
  /** [2, BUCKETS] counts of violations by size, for each sign. */
  readonly histogram: Int32Array;
  /** The active rows, in the order in which they were added. */
  readonly active: Int32Array;
  /** 1 for each row that is active. */
  readonly member: Uint8Array;
  /** [m, m] the active rows' part of the Gram matrix; behind it, as one more row, the augmented bias. */
  readonly local: Float32Array;
  /** Change of y alpha of each active row. */
  readonly change: Float32Array;
  /**
   * Errors y - f - b of the active rows; their upper limit for rows whose y alpha may rise (Infinity if it
   * may, else -Infinity), and their lower limit for rows whose y alpha may fall (-Infinity if it may, else
   * Infinity).
   */
  readonly errors: Float32Array;
  readonly up: Float32Array;
  readonly down: Float32Array;
  /** How far y alpha may rise and fall. */
  readonly rise: Float64Array;
  readonly fall: Float64Array;
  /** The diagonal of `local`, with the loss's term; in WebAssembly half of it. */
  readonly bends: Float32Array;
  /** [mostFree, mostFree] at most: the decomposed system of a step of Newton's method. */
  readonly factor: Float32Array;
  readonly mostFree: number;
  /** Scratch: which active rows to keep; rows that changed and by how much. */
  readonly list: Int32Array;
  readonly report: Float64Array;
}

const align = (bytes: number): number => (bytes + 63) & ~63;

/** Maximum number of free coefficients of a step of Newton's method: a multiple of four. */
const mostFreeOf = (m: number): number => Math.min(MOST_FREE, m & ~3);

/** Bytes and types of each vector, in the order of memory. */
const layout = (n: number, m: number) =>
  ({
    y: [Float64Array, n],
    upper: [Float64Array, n],
    cost: [Float64Array, n],
    diagonal: [Float64Array, n],
    alpha: [Float64Array, n],
    f: [Float64Array, n],
    violation: [Float32Array, n],
    histogram: [Int32Array, 2 * BUCKETS],
    active: [Int32Array, m],
    member: [Uint8Array, n],
    list: [Int32Array, 2 * m + 16],
    local: [Float32Array, m * m],
    change: [Float32Array, m],
    errors: [Float32Array, m],
    up: [Float32Array, m],
    down: [Float32Array, m],
    rise: [Float64Array, m],
    fall: [Float64Array, m],
    bends: [Float32Array, m],
    factor: [Float32Array, mostFreeOf(m) ** 2],
    report: [Float64Array, REPORT.length],
  }) as const;

/** Bytes that the vectors of one workspace take beside the Gram matrix. */
export const workspaceBytes = (n: number, m: number): number =>
  Object.values(layout(n, m)).reduce(
    (sum, [type, length]) => sum + align(length * type.BYTES_PER_ELEMENT),
    0,
  );

/** Room for active rows among `n`, including the bias: a multiple of four. */
export const activeSize = (n: number): number => Math.min(ACTIVE, (n + 8) & ~7);

/** Creates the views of a workspace at byte `start` of `buffer`. */
export const workspaceAt = (
  gram: Float32Array,
  n: number,
  buffer: ArrayBufferLike,
  start: number,
): Workspace => {
  const m = activeSize(n);
  let at = start;
  const views = Object.entries(layout(n, m)).map(([name, [type, length]]) => {
    const view = new type(buffer as ArrayBuffer, at, length);
    at += align(length * type.BYTES_PER_ELEMENT);
    return [name, view];
  });
  return { n, m, gram, mostFree: mostFreeOf(m), ...Object.fromEntries(views) } as Workspace;
};
