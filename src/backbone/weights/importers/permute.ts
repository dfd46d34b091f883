// Kernels of any axis order become [out, in, rows, columns], in pieces where the order allows it.
import type { Axes, SourceTensor } from './source.js';

/** Sizes of a kernel by axis. */
export type Sizes = Readonly<Record<'o' | 'i' | 'h' | 'w', number>>;

/** Distance in [out, in, rows, columns] between neighbours along each axis. */
const strides = ({ i, h, w }: Sizes): Sizes => ({ o: i * h * w, i: h * w, h: w, w: 1 });

const TILE = 16;

/** Spreads a piece of a kernel whose last axis is `o` over the target. `first` is the piece's first row. */
const scatterRows = (
  target: Float32Array,
  piece: Float32Array,
  first: number,
  rowTargets: (row: number) => number,
  outputs: number,
  stride: number,
): void => {
  const rows = piece.length / outputs;
  const targets = Int32Array.from({ length: rows }, (_, row) => rowTargets(first + row));
  for (let o = 0; o < outputs; o += TILE) {
    const end = Math.min(o + TILE, outputs);
    for (let row = 0; row < rows; row++) {
      const place = targets[row]!;
      for (let k = o; k < end; k++) target[place + k * stride] = piece[row * outputs + k]!;
    }
  }
};

/** Cuts any pieces into pieces of whole multiples of `unit` numbers. */
async function* wholeUnits(
  pieces: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  unit: number,
): AsyncGenerator<Float32Array> {
  let rest: Float32Array = new Float32Array(0);
  for await (const piece of pieces) {
    let joined: Float32Array = piece;
    if (rest.length > 0) {
      joined = new Float32Array(rest.length + piece.length);
      joined.set(rest);
      joined.set(piece, rest.length);
    }
    const whole = joined.length - (joined.length % unit);
    if (whole > 0) yield joined.subarray(0, whole);
    rest = joined.slice(whole);
  }
  if (rest.length > 0) yield rest;
}

async function* transposedPlanes(tensor: SourceTensor, { h, w }: Sizes): AsyncGenerator<Float32Array> {
  for await (const piece of wholeUnits(tensor.chunks(), h * w)) {
    const result = new Float32Array(piece.length);
    for (let plane = 0; plane < piece.length; plane += h * w) {
      for (let x = 0; x < w; x++)
        for (let y = 0; y < h; y++) result[plane + y * w + x] = piece[plane + x * h + y]!;
    }
    yield result;
  }
}

/** The row of a kernel whose last axis is `o`, as a place in [out = 0, in, rows, columns]. */
const rowPlaces = (axes: 'hwio' | 'ihwo', { i, h, w }: Sizes): ((row: number) => number) => {
  const planes = h * w;
  return axes === 'hwio'
    ? (row) => (row % i) * planes + Math.floor(row / i)
    : (row) => Math.floor(row / planes) * planes + (row % planes);
};

/**
 * The numbers of a kernel in the order [out, in, rows, columns]. Orders that begin with out and in are streamed; of
 * the others the whole result is in memory once.
 */
export async function* toOihw(tensor: SourceTensor, axes: Axes, sizes: Sizes): AsyncGenerator<Float32Array> {
  if (axes === 'oihw' || (axes === 'oiwh' && sizes.h === 1 && sizes.w === 1)) yield* tensor.chunks();
  else if (axes === 'oiwh') yield* transposedPlanes(tensor, sizes);
  else {
    const result = new Float32Array(sizes.o * sizes.i * sizes.h * sizes.w);
    const places = rowPlaces(axes, sizes);
    let row = 0;
    for await (const piece of wholeUnits(tensor.chunks(), sizes.o)) {
      scatterRows(result, piece, row, places, sizes.o, strides(sizes).o);
      row += piece.length / sizes.o;
    }
    yield result;
  }
}

/**
 * A row-major kernel [out, in, rows, columns] as [rows, columns, in, out], as Keras and TensorFlow.js keep it.
 */
export const oihwToHwio = (kernel: Float32Array, { o, i, h, w }: Sizes): Float32Array => {
  const result = new Float32Array(kernel.length);
  for (let to = 0; to < o; to += TILE) {
    const end = Math.min(to + TILE, o);
    for (let c = 0; c < i; c++) {
      for (let p = 0; p < h * w; p++) {
        const row = (p * i + c) * o;
        for (let k = to; k < end; k++) result[row + k] = kernel[(k * i + c) * h * w + p]!;
      }
    }
  }
  return result;
};
