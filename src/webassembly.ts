// Loads WebAssembly modules that are committed beside their sources, and allocates their memory.
import { readFileSync } from 'node:fs';
import { VerydeepError } from './errors.js';

/** Size of a memory page in bytes. */
export const PAGE = 65_536;

/** Memory of one thread; views of `buffer` are detached when it grows. */
export interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): unknown;
}

/** Memory shared by threads. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** A compiled module. */
export type Module = object;

// TypeScript's library for Node has no types for WebAssembly; these are the ones used here.
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly?: {
    readonly Module: new (bytes: Uint8Array) => Module;
    readonly Instance: new (module: Module, imports: object) => { readonly exports: unknown };
    readonly Memory: new (limits: { initial: number; maximum?: number; shared?: true }) => unknown;
  };
};

/**
 * The module in a file; undefined if WebAssembly, or a feature that the module needs (SIMD, threads), is
 * missing.
 */
export const compileModule = (file: URL): Module | undefined => {
  const bytes = readFileSync(file);
  try {
    return new WebAssembly!.Module(bytes);
  } catch {
    return undefined;
  }
};

/** The exports of a module, instantiated with `memory`. */
export const instantiate = (module: Module, memory: Memory | SharedMemory): unknown =>
  new WebAssembly!.Instance(module, { env: { memory } }).exports;

/** Growable memory. */
export const growingMemory = (pages: number): Memory => new WebAssembly!.Memory({ initial: pages }) as Memory;

/** Zeroed shared memory of at least `bytes`. @throws RangeError if the system has too little */
export const sharedMemory = (bytes: number): SharedMemory =>
  new WebAssembly!.Memory({ initial: Math.ceil(bytes / PAGE), maximum: PAGE, shared: true }) as SharedMemory;

/**
 * Grows `memory` to at least `bytes`. @throws VerydeepError if the system has too little, or more than
 * WebAssembly's 4 GiB are needed
 */
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
