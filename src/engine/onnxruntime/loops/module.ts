// The module of the loops in WebAssembly, and this thread's memory that they work in.
import { type Memory, compileModule, growingMemory, instantiate, reserve } from '../../../webassembly.js';

/** Where arrays begin: what lies below is the module's own. */
const START = 4096;

/** What the module exports; addresses and pitches are in bytes. See assembly/. */
interface Exports {
  poolGradient(
    x: number,
    dy: number,
    sums: number,
    pairs: number,
    windows: number,
    channels: number,
    positive: number,
    period: number,
    planes: number,
    start: number,
  ): void;
  momentum(
    weight: number,
    velocity: number,
    gradient: number,
    count: number,
    momentum: number,
    rate: number,
    decay: number,
  ): void;
  reluGradient(
    dy: number,
    z: number,
    sums: number,
    rows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
  ): void;
  winogradInput(
    x: number,
    rows: number,
    columns: number,
    channels: number,
    top: number,
    left: number,
    tileRows: number,
    tileColumns: number,
    scratch: number,
    v: number,
    pitch: number,
  ): void;
  winogradOutput(
    m: number,
    pitch: number,
    tileRows: number,
    tileColumns: number,
    channels: number,
    bias: number,
    relu: number,
    scratch: number,
    y: number,
    rows: number,
    columns: number,
  ): void;
  winogradGather(
    y: number,
    rows: number,
    columns: number,
    channels: number,
    tileRows: number,
    tileColumns: number,
    tiles: number,
    pitch: number,
  ): void;
  winogradOutputGradient(
    tiles: number,
    pitch: number,
    count: number,
    channels: number,
    z: number,
    blockPitch: number,
    planePitch: number,
  ): void;
}

interface Loops {
  readonly memory: Memory;
  readonly exports: Exports;
}

let loaded: Loops | undefined | null = null;

const load = (): Loops | undefined => {
  const module = compileModule(new URL('../loops.wasm', import.meta.url));
  if (!module) return undefined;
  const memory = growingMemory(8);
  return { memory, exports: instantiate(module, memory) as Exports };
};

/** The module, or undefined where WebAssembly with SIMD is missing. */
export const loops = (): Loops | undefined => {
  if (loaded === null) loaded = load();
  return loaded;
};

/** Whether WebAssembly with SIMD is there. */
export const hasLoops = (): boolean => loops() !== undefined;

/** Whether the loops over channels can be used for this many of them: vectors fit. */
export const canLoop = (channels: number): boolean => channels > 0 && channels % 4 === 0 && hasLoops();

/** Arrays of these lengths in WebAssembly's memory, one after the other, each on a cache line. They last until the next ones are asked for. */
export const arrays = (lengths: readonly number[]): Float32Array[] => {
  const { memory } = loops()!;
  const places = lengths.map((length) => 64 * Math.ceil(length / 16));
  reserve(memory, START + places.reduce((sum, n) => sum + n, 0));
  let offset = START;
  return lengths.map((length, i) => {
    const array = new Float32Array(memory.buffer, offset, length);
    offset += places[i]!;
    return array;
  });
};
