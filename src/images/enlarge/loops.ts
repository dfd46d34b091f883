// The loops of resampling, in WebAssembly where there is its SIMD, and the memory they work in.
import { type Memory, PAGE, compileModule, growingMemory, instantiate, reserve } from '../../webassembly.js';
import { type ResamplingLoops, plainLoops } from './plain.js';

const PAGES = 8;
/** Where arrays begin: what lies below is the module's own. */
const START = 1024;
/** Arrays begin on multiples of this; the loops read and write as much behind their end. */
const VECTOR = 16;

/** The loops, and where they find their arrays. */
export interface Loops extends ResamplingLoops {
  /** Places of arrays of these lengths in bytes, one after the other; places given before are given again. */
  readonly place: (lengths: readonly number[]) => number[];
  /** All of the memory; not for use after the next `place`. */
  readonly bytes: () => Uint8Array;
}

/** Memory for the plain loops; what it held is lost when it grows, which is before arrays are filled. */
const plainMemory = (): Memory => {
  const memory = {
    buffer: new ArrayBuffer(PAGES * PAGE),
    grow: (pages: number): void => {
      memory.buffer = new ArrayBuffer(memory.buffer.byteLength + pages * PAGE);
    },
  };
  return memory;
};

let loaded: Loops | undefined;

/** The loops as this thread has them. */
export const loops = (): Loops => {
  if (loaded) return loaded;
  const module = compileModule(new URL('../enlarge.wasm', import.meta.url));
  const memory = module ? growingMemory(PAGES) : plainMemory();
  const { widen, heighten } = module ? (instantiate(module, memory) as ResamplingLoops) : plainLoops(memory);
  const place = (lengths: readonly number[]): number[] => {
    let end = START;
    const places = lengths.map((length) => {
      const at = end;
      end += (Math.ceil(length / VECTOR) + 1) * VECTOR;
      return at;
    });
    reserve(memory, end);
    return places;
  };
  return (loaded = { widen, heighten, place, bytes: () => new Uint8Array(memory.buffer) });
};
