// The WebAssembly module of the loops, and the memory that they work in; each thread has its own.
import { type Memory, compileModule, growingMemory, instantiate, reserve } from '../../../webassembly.js';

/** Where arrays begin: below is the module's own memory. */
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

/** Batch normalisation; see assembly/batch-norm.ts. */
interface BatchNormExports {
  moments(
    x: number,
    pivots: number,
    sums: number,
    squares: number,
    rows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
  ): void;
  normalise(
    x: number,
    factors: number,
    rows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
    relu: number,
  ): void;
  normalisePool(
    x: number,
    y: number,
    factors: number,
    pairs: number,
    windows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
  ): void;
  normGradientSums(
    x: number,
    dy: number,
    factors: number,
    sums: number,
    products: number,
    rows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
    relu: number,
  ): void;
  normPoolGradientSums(
    x: number,
    dy: number,
    factors: number,
    sums: number,
    products: number,
    pairs: number,
    windows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
  ): void;
  normGradient(
    x: number,
    dy: number,
    factors: number,
    rows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
    relu: number,
  ): void;
  normPoolGradient(
    x: number,
    dy: number,
    factors: number,
    pairs: number,
    windows: number,
    channels: number,
    period: number,
    planes: number,
    start: number,
  ): void;
}

interface Loops {
  readonly memory: Memory;
  readonly exports: Exports & BatchNormExports;
}

let loaded: Loops | undefined | null = null;

const load = (): Loops | undefined => {
  const module = compileModule(new URL('../loops.wasm', import.meta.url));
  if (!module) return undefined;
  const memory = growingMemory(8);
  return { memory, exports: instantiate(module, memory) as Loops['exports'] };
};

/** The module, or undefined where WebAssembly with SIMD is missing. */
export const loops = (): Loops | undefined => {
  if (loaded === null) loaded = load();
  return loaded;
};

/** Whether WebAssembly with SIMD is there. */
export const hasLoops = (): boolean => loops() !== undefined;

/** Whether the loops take this many channels: vectors of four. */
export const canLoop = (channels: number): boolean => channels > 0 && channels % 4 === 0 && hasLoops();

/** Arrays of these lengths in WebAssembly's memory, each beginning on a cache line. They are valid until the next call. */
export const arrays = (lengths: readonly number[]): Float32Array[] => {
  const { memory } = loops()!;
  const sizes = lengths.map((length) => 64 * Math.ceil(length / 16));
  reserve(memory, START + sizes.reduce((sum, n) => sum + n, 0));
  let offset = START;
  return lengths.map((length, i) => {
    const array = new Float32Array(memory.buffer, offset, length);
    offset += sizes[i]!;
    return array;
  });
};
