// Memory of tensors that is used again: fresh pages are slow to write, and the native values over old ones are kept.
import { Value, allocate } from '../ort.js';
import { isSameShape, sizeFromShape } from '../../shape.js';

/** Native values of one shape that follow each other in a buffer. */
interface ValueSequence {
  readonly offset: number;
  readonly dims: readonly number[];
  readonly values: readonly Value[];
}

/** Memory for float32 numbers, of which a tensor uses the first `length`. */
export class PooledBuffer {
  readonly memory: Float32Array;
  /** Native values over this memory, by their number: the same shapes come again at every training step. */
  readonly #sequences = new Map<number, ValueSequence[]>();
  #count = 0;
  readonly #views = new Map<number, Float32Array>();

  constructor(capacity: number) {
    this.memory = allocate('float32', capacity);
  }

  /** The first `length` numbers. */
  view(length: number): Float32Array {
    if (length === this.memory.length) return this.memory;
    let view = this.#views.get(length);
    if (!view) this.#views.set(length, (view = this.memory.subarray(0, length)));
    return view;
  }

  /** A native tensor over the numbers from `offset` on, of the given shape. It belongs to the buffer. */
  value(dims: readonly number[], offset = 0): Value {
    return this.values(dims, 1, offset)[0]!;
  }

  /** `count` native tensors of the given shape, that follow each other from `offset` on. They belong to the buffer. */
  values(dims: readonly number[], count: number, offset = 0): readonly Value[] {
    let sequences = this.#sequences.get(count);
    if (!sequences) this.#sequences.set(count, (sequences = []));
    for (const each of sequences)
      if (each.offset === offset && isSameShape(each.dims, dims)) return each.values;
    const length = sizeFromShape(dims);
    const values = Array.from({ length: count }, (_, i) => {
      const start = offset + i * length;
      return new Value(this.memory.subarray(start, start + length), 'float32', dims);
    });
    this.#count += count;
    sequences.push({ offset, dims: [...dims], values });
    return values;
  }

  /** Frees the native values if there are very many, as happens when shapes keep changing. */
  trim(): void {
    if (this.#count > MAX_VALUES) this.release();
  }

  /** Frees the native values; the memory follows when nothing refers to it. */
  release(): void {
    for (const { values } of [...this.#sequences.values()].flat())
      for (const value of values) value.release();
    this.#sequences.clear();
    this.#count = 0;
    this.#views.clear();
  }
}

const MAX_VALUES = 256;

/** A free buffer up to this many times too large is taken rather than fresh memory. */
const EXCESS = 1.5;

/**
 * Rounds a length up so that few sizes occur: to a multiple of a sixteenth of its power of two, and of a cache line.
 */
export const capacityFor = (length: number): number => {
  const step = Math.max(16, 2 ** (27 - Math.clz32(length)));
  return Math.ceil(length / step) * step;
};

/** Figures of a pool: how many buffers there are, and how many numbers of four bytes are in use and free. */
export interface PoolStatistics {
  readonly buffers: number;
  readonly inUse: number;
  readonly free: number;
}

/**
 * The free buffers by capacity. Free or in use, all buffers together never exceed twice what was once in use at the same
 * time, even when shapes keep changing; those that were unused longest are freed first.
 */
export class Pool {
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #owned = new WeakSet<ArrayBufferLike>();
  #inUse = 0;
  #peak = 0;
  #freeLength = 0;
  #buffers = 0;

  /** A buffer for at least `length` numbers, with any content. */
  acquire(length: number): PooledBuffer {
    const wanted = capacityFor(length);
    const capacity = this.#free.has(wanted) ? wanted : this.#roomier(wanted);
    const list = this.#free.get(capacity);
    let buffer = list?.pop();
    if (buffer) {
      this.#freeLength -= capacity;
      if (list!.length === 0) this.#free.delete(capacity);
    } else {
      buffer = new PooledBuffer(capacity);
      this.#owned.add(buffer.memory.buffer);
      this.#buffers++;
    }
    this.#inUse += capacity;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return buffer;
  }

  /** The least capacity above `wanted` of a free buffer that is not much larger; `wanted` itself where there is none. */
  #roomier(wanted: number): number {
    let best = Infinity;
    for (const capacity of this.#free.keys()) if (capacity > wanted && capacity < best) best = capacity;
    return best <= EXCESS * wanted ? best : wanted;
  }

  /** Takes a buffer back. Nobody may use it or a view of it afterwards. */
  recycle(buffer: PooledBuffer): void {
    buffer.trim();
    const capacity = buffer.memory.length;
    this.#inUse -= capacity;
    this.#freeLength += capacity;
    const list = this.#free.get(capacity) ?? [];
    list.push(buffer);
    // Deleted and set again, the most recently used capacity is the last of the map.
    this.#free.delete(capacity);
    this.#free.set(capacity, list);
    while (this.#freeLength > 0 && this.#inUse + this.#freeLength > 2 * this.#peak) this.#dropOldest();
  }

  #dropOldest(): void {
    const [capacity, list] = this.#free.entries().next().value!;
    list.shift()!.release();
    if (list.length === 0) this.#free.delete(capacity);
    this.#freeLength -= capacity;
    this.#buffers--;
  }

  /** Whether an array is in the memory of a buffer of this pool. */
  owns(array: Float32Array): boolean {
    return this.#owned.has(array.buffer);
  }

  /** Frees all buffers that are not in use. */
  clear(): void {
    while (this.#freeLength > 0) this.#dropOldest();
    this.#peak = this.#inUse;
  }

  get statistics(): PoolStatistics {
    return { buffers: this.#buffers, inUse: this.#inUse, free: this.#freeLength };
  }
}
