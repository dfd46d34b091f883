// The loops of resampling, in WebAssembly if SIMD is available, and their memory.
import { type Memory, PAGE, compileModule, growingMemory, instantiate, reserve } from '../../webassembly.js';
import { type ResamplingLoops, plainLoops } from './plain.js';

const PAGES = 8;
/** Address of the first array; the module uses the memory below. */
const START = 1024;
/** Alignment of arrays; also the number of bytes that loops read and write beyond their end. */
const VECTOR = 16;

/** The loops and their memory. */
interface Loops extends ResamplingLoops {
  /** Addresses of consecutive arrays of these lengths in bytes; earlier addresses are reused. */
  readonly place: (lengths: readonly number[]) => number[];
  /** The whole memory; valid until the next `place`. */
  readonly bytes: () => Uint8Array;
}

/** Memory for the plain loops. Growing it, which happens before arrays are filled, discards its contents. */
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

/** The loops of this thread. */
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
