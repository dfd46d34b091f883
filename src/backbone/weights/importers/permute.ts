// Permutes kernels of any axis order to [out, in, rows, columns], in pieces if the order allows it.
import { sizeFromShape } from '../../../shape.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import type { Axes } from './source.js';

/** Sizes of a kernel by axis. */
export type Sizes = Readonly<Record<'o' | 'i' | 'h' | 'w', number>>;

/** Strides of each axis in [out, in, rows, columns]. */
const strides = ({ i, h, w }: Sizes): Sizes => ({ o: i * h * w, i: h * w, h: w, w: 1 });

const TILE = 16;

/** Scatters a piece of a kernel whose last axis is `o` to the target. `first` is the piece's first row. */
const scatterRows = (
  target: Float32Array,
  piece: Float32Array,
  first: number,
  places: Int32Array,
  outputs: number,
  stride: number,
): void => {
  const rows = piece.length / outputs;
  for (let o = 0; o < outputs; o += TILE) {
    const end = Math.min(o + TILE, outputs);
    for (let row = 0; row < rows; row++) {
      const place = places[first + row]!;
      for (let k = o; k < end; k++) target[place + k * stride] = piece[row * outputs + k]!;
    }
  }
};

/** Regroups pieces so that each length is a multiple of `unit`. */
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

/** The index in [out = 0, in, rows, columns] of each position of the other axes, in the order of `axes`. */
const placesOf = (axes: string, sizes: Sizes): Int32Array => {
  const order = Array.from(axes) as (keyof Sizes)[];
  const step = strides(sizes);
  let places = Int32Array.of(0);
  for (const axis of order) {
    const next = new Int32Array(places.length * sizes[axis]);
    places.forEach((place, p) => {
      for (let k = 0; k < sizes[axis]; k++) next[p * sizes[axis] + k] = place + k * step[axis];
    });
    places = next;
  }
  return places;
};

/**
 * The numbers of a kernel in the order [out, in, rows, columns]. Orders that begin with `o` are streamed; for
 * the others the whole result is in memory once.
 *
 * @param axes the order of the file, a permutation of "oihw"
 */
export async function* toOihw(tensor: LazyTensor, axes: Axes, sizes: Sizes): AsyncGenerator<Float32Array> {
  const [o] = [sizes.o];
  const others = axes.replace('o', '');
  const places = placesOf(others, sizes);
  const inOrder = places.every((place, i) => place === i);
  if (axes.startsWith('o') && inOrder) yield* tensor.chunks();
  else if (axes.startsWith('o')) {
    const size = places.length;
    for await (const piece of wholeUnits(tensor.chunks(), size)) {
      const result = new Float32Array(piece.length);
      for (let first = 0; first < piece.length; first += size) {
        for (let p = 0; p < size; p++) result[first + places[p]!] = piece[first + p]!;
      }
      yield result;
    }
  } else if (axes.endsWith('o')) {
    const result = new Float32Array(o * places.length);
    let row = 0;
    for await (const piece of wholeUnits(tensor.chunks(), o)) {
      scatterRows(result, piece, row, places, o, places.length);
      row += piece.length / o;
    }
    yield result;
  } else {
    const all = placesOf(axes, sizes);
    const result = new Float32Array(all.length);
    let done = 0;
    for await (const piece of tensor.chunks()) {
      for (let i = 0; i < piece.length; i++) result[all[done + i]!] = piece[i]!;
      done += piece.length;
    }
    yield result;
  }
}

/** A tensor with permuted axes; it is in memory once when read. */
export const transposed = (tensor: LazyTensor, order: readonly number[]): LazyTensor => ({
  ...tensor,
  shape: order.map((axis) => tensor.shape[axis]!),
  chunks: async function* () {
    const step = order.map((axis) => sizeFromShape(tensor.shape.slice(axis + 1)));
    const shape = order.map((axis) => tensor.shape[axis]!);
    const source = new Float32Array(sizeFromShape(tensor.shape));
    let done = 0;
    for await (const piece of tensor.chunks()) {
      source.set(piece, done);
      done += piece.length;
    }
    const result = new Float32Array(source.length);
    const index = shape.map(() => 0);
    for (let i = 0, place = 0; i < result.length; i++) {
      result[i] = source[place]!;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        place += step[axis]!;
        if (++index[axis]! < shape[axis]!) break;
        place -= step[axis]! * shape[axis]!;
        index[axis] = 0;
      }
    }
    yield result;
  },
});
