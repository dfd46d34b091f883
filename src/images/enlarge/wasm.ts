// The loops of resampling in WebAssembly, and the memory they work in.
import { readFileSync } from 'node:fs';

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
  readonly WebAssembly: {
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

let loaded: Loops | undefined;

/** The loops as this thread has them. */
export const loops = (): Loops => {
  if (loaded) return loaded;
  const memory = new WebAssembly.Memory({ initial: 8 });
  const module = new WebAssembly.Module(readFileSync(new URL('../enlarge.wasm', import.meta.url)));
  const { widen, heighten } = new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
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
