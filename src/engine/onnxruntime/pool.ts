// Buffers that tensors live in and that are used again: fresh pages are dear, and their native values are kept too.
import { Value, allocate } from '../ort.js';
import { isSameShape, sizeFromShape } from '../../shape.js';

/** Native values of one shape that lie one behind the other. */
interface Row {
  readonly offset: number;
  readonly dims: readonly number[];
  readonly values: readonly Value[];
}

/** A piece of memory for float32 numbers, of which a tensor uses the first `length`. */
export class Block {
  readonly memory: Float32Array;
  /** Native values over this memory, by their number: the same shapes come again at every training step. */
  readonly #rows = new Map<number, Row[]>();
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

  /** A native tensor over the numbers from `offset` on, of the given shape. It belongs to the block. */
  value(dims: readonly number[], offset = 0): Value {
    return this.values(dims, 1, offset)[0]!;
  }

  /** `count` native tensors of the given shape, one behind the other from `offset` on. They belong to the block. */
  values(dims: readonly number[], count: number, offset = 0): readonly Value[] {
    let rows = this.#rows.get(count);
    if (!rows) this.#rows.set(count, (rows = []));
    for (const row of rows) if (row.offset === offset && isSameShape(row.dims, dims)) return row.values;
    const length = sizeFromShape(dims);
    const values = Array.from({ length: count }, (_, i) => {
      const start = offset + i * length;
      return new Value(this.memory.subarray(start, start + length), 'float32', dims);
    });
    this.#count += count;
    rows.push({ offset, dims: [...dims], values });
    return values;
  }

  /** Frees the native values if there are very many, as happens when shapes keep changing. */
  trim(): void {
    if (this.#count > MAX_VALUES) this.release();
  }

  /** Frees the native values; the memory follows when nothing refers to it. */
  release(): void {
    for (const row of [...this.#rows.values()].flat()) for (const value of row.values) value.release();
    this.#rows.clear();
    this.#count = 0;
    this.#views.clear();
  }
}

const MAX_VALUES = 256;

/** A free block this many times too large is taken rather than fresh memory. */
const EXCESS = 1.5;

/**
 * Rounds a length up so that few sizes occur: to a multiple of a sixteenth of its power of two, and of a cache line.
 */
export const capacityFor = (length: number): number => {
  const step = Math.max(16, 2 ** (27 - Math.clz32(length)));
  return Math.ceil(length / step) * step;
};

/** Figures of a pool; lengths in numbers of four bytes. */
export interface PoolStatistics {
  readonly blocks: number;
  readonly inUse: number;
  readonly free: number;
}

/**
 * The free blocks by capacity. Free or in use, all blocks together never exceed twice what was once in use at the same time,
 * even when shapes keep changing; the longest unused blocks go first.
 */
export class Pool {
  readonly #free = new Map<number, Block[]>();
  readonly #owned = new WeakSet<ArrayBufferLike>();
  #inUse = 0;
  #peak = 0;
  #freeLength = 0;
  #blocks = 0;

  /** A block for at least `length` numbers, with any content. */
  acquire(length: number): Block {
    const wanted = capacityFor(length);
    const capacity = this.#free.has(wanted) ? wanted : this.#roomier(wanted);
    const list = this.#free.get(capacity);
    let block = list?.pop();
    if (block) {
      this.#freeLength -= capacity;
      if (list!.length === 0) this.#free.delete(capacity);
    } else {
      block = new Block(capacity);
      this.#owned.add(block.memory.buffer);
      this.#blocks++;
    }
    this.#inUse += capacity;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return block;
  }

  /** The least capacity above `wanted` that lies free and is not much larger; `wanted` itself where there is none. */
  #roomier(wanted: number): number {
    let best = Infinity;
    for (const capacity of this.#free.keys()) if (capacity > wanted && capacity < best) best = capacity;
    return best <= EXCESS * wanted ? best : wanted;
  }

  /** Takes a block back. Nobody may use it or a view of it afterwards. */
  recycle(block: Block): void {
    block.trim();
    const capacity = block.memory.length;
    this.#inUse -= capacity;
    this.#freeLength += capacity;
    const list = this.#free.get(capacity) ?? [];
    list.push(block);
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
    this.#blocks--;
  }

  /** Whether an array lies in the memory of a block of this pool. */
  owns(array: Float32Array): boolean {
    return this.#owned.has(array.buffer);
  }

  /** Frees all blocks that are not in use. */
  clear(): void {
    while (this.#freeLength > 0) this.#dropOldest();
    this.#peak = this.#inUse;
  }

  get statistics(): PoolStatistics {
    return { blocks: this.#blocks, inUse: this.#inUse, free: this.#freeLength };
  }
}
