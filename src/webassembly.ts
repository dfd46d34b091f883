// WebAssembly modules that are committed beside their sources, and the memory they work in.
import { readFileSync } from 'node:fs';
import { VerydeepError } from './errors.js';

/** Bytes of a page of memory. */
export const PAGE = 65_536;

/** A memory of one thread; arrays over `buffer` are void once it grows. */
export interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): unknown;
}

/** A memory that threads share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** A compiled module. */
export type Module = object;

// The compiler's library for Node has no types of WebAssembly; these are what is used here.
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly?: {
    readonly Module: new (bytes: Uint8Array) => Module;
    readonly Instance: new (module: Module, imports: object) => { readonly exports: unknown };
    readonly Memory: new (limits: { initial: number; maximum?: number; shared?: true }) => unknown;
  };
};

/** The module in the file, or undefined where WebAssembly is missing, or what the module needs of it (SIMD, threads). */
export const compileModule = (file: URL): Module | undefined => {
  const bytes = readFileSync(file);
  try {
    return new WebAssembly!.Module(bytes);
  } catch {
    return undefined;
  }
};

/** What a module exports, over `memory`. */
export const instantiate = (module: Module, memory: Memory | SharedMemory): unknown =>
  new WebAssembly!.Instance(module, { env: { memory } }).exports;

/** A memory that grows. */
export const growingMemory = (pages: number): Memory => new WebAssembly!.Memory({ initial: pages }) as Memory;

/** A shared memory of at least `bytes`, all zero. @throws RangeError when the system has not that much */
export const sharedMemory = (bytes: number): SharedMemory =>
  new WebAssembly!.Memory({ initial: Math.ceil(bytes / PAGE), maximum: PAGE, shared: true }) as SharedMemory;

/** Lets `memory` grow to at least `bytes`. @throws VerydeepError when the system has not that much, or WebAssembly's 4 GiB are too few */
export const reserve = (memory: Memory, bytes: number): void => {
  const missing = bytes - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / PAGE));
  } catch {
    throw new VerydeepError(
      `Too little memory for ${Math.ceil(bytes / 2 ** 20)} MiB of WebAssembly: use a smaller batch or smaller images.`,
    );
  }
};
