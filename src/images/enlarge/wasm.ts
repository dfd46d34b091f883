// The loops of resampling in WebAssembly, and the memory they work in.
import { readFileSync } from 'node:fs';
import { plainLoops } from './plain.js';

interface Exports {
  readonly widen: (
    source: number,
    target: number,
    rows: number,
    rowBytes: number,
    outputs: number,
    taps: number,
    first: number,
    weights: number,
  ) => void;
  readonly heighten: (
    source: number,
    target: number,
    width: number,
    outputs: number,
    taps: number,
    first: number,
    weights: number,
  ) => void;
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

// The compiler's library for Node has no types of WebAssembly; these are what is used here.
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly?: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object, imports: object) => { readonly exports: unknown };
    Memory: new (limits: { initial: number }) => Memory;
  };
};

const PAGE = 65_536;
/** Where arrays begin: what lies below is the module's own. */
const START = 1024;
/** Arrays begin on multiples of this; the loops read and write as much behind their end. */
const VECTOR = 16;

/** The loops, and where they find their arrays. */
export interface Loops extends Exports {
  /** Places of arrays of these lengths in bytes, one after the other; places given before are given again. */
  readonly place: (lengths: readonly number[]) => number[];
  /** All of the memory; not for use after the next `place`. */
  readonly bytes: () => Uint8Array;
}

/** Memory that grows as WebAssembly's does. */
const plainMemory = (): Memory => {
  let buffer = new ArrayBuffer(8 * PAGE);
  return {
    get buffer() {
      return buffer;
    },
    grow(pages) {
      const before = buffer.byteLength / PAGE;
      const larger = new ArrayBuffer(buffer.byteLength + pages * PAGE);
      new Uint8Array(larger).set(new Uint8Array(buffer));
      buffer = larger;
      return before;
    },
  };
};

let loaded: Loops | undefined;

/** The loops as this thread has them. */
export const loops = (): Loops => {
  if (loaded) return loaded;
  const memory = WebAssembly ? new WebAssembly.Memory({ initial: 8 }) : plainMemory();
  const { widen, heighten } = WebAssembly
    ? (new WebAssembly.Instance(
        new WebAssembly.Module(readFileSync(new URL('../enlarge.wasm', import.meta.url))),
        { env: { memory } },
      ).exports as Exports)
    : plainLoops(() => memory.buffer);
  const place = (lengths: readonly number[]): number[] => {
    let end = START;
    const places = lengths.map((length) => {
      const at = end;
      end += (Math.ceil(length / VECTOR) + 1) * VECTOR;
      return at;
    });
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return places;
  };
  return (loaded = { widen, heighten, place, bytes: () => new Uint8Array(memory.buffer) });
};
