// The Gram matrix of all rows, computed once in shared memory, for every class and every C.
import { usableCores } from '../cores.js';
import { gramBlock } from '../engine/gemm.js';
import { adviseHugePages } from '../engine/pages.js';
import { UsageError, option, text } from '../errors.js';
import type { Matrix } from '../matrix.js';
import { freeMemory } from '../memory.js';
import { gramInto } from './product.js';
import { type SharedMemory, sharedMemory } from '../webassembly.js';
import { MOST_BYTES, RESERVED, hasWasm, wasmBlockWriter } from './solver/wasm.js';
import { activeSize, workspaceBytes } from './solver/workspace.js';

/** Inner products of all pairs of rows, float32, and room for the solver's vectors beside them. */
export interface Gram {
  readonly rows: number;
  /** [rows, rows] */
  readonly data: Float32Array;
  /** The WebAssembly memory that holds `data`; missing if the plain solver is used. */
  readonly memory?: SharedMemory;
  /** Number of threads that there is room for. */
  readonly slots: number;
}

/** Options of the Gram matrix. */
interface GramOptions {
  /** Number of threads that compute it and can solve on it; default all cores. */
  readonly threads?: number;
  /** Do not use WebAssembly. */
  readonly plain?: boolean;
  /** Bytes of memory that may be used; default the system's free memory. */
  readonly memory?: number;
  /**
   * A Gram matrix that is no longer needed: its memory is reused if it is large enough, since new memory is
   * expensive.
   */
  readonly reuse?: Gram | undefined;
}

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Byte offset of the vectors of thread `slot`. */
export const workspaceStart = (rows: number, slot: number): number =>
  RESERVED + align(rows * rows * 4) + slot * workspaceBytes(rows, activeSize(rows));

/** Bytes of memory that the dual solver needs for `rows` rows and `threads` threads. */
export const dualBytes = (rows: number, threads: number): number => workspaceStart(rows, threads);

/**
 * Why the dual solver cannot solve `rows` rows, or undefined if it can.
 *
 * @param besides bytes needed for other things, such as descriptors that are still on disk
 */
export const whyNotDual = (rows: number, options: GramOptions = {}, besides = 0): string | undefined => {
  const bytes = dualBytes(rows, options.threads ?? usableCores());
  const gigabytes = (value: number): string => `${(value / 2 ** 30).toFixed(1)} GiB`;
  if (bytes > MOST_BYTES) {
    return `the Gram matrix of ${rows} rows needs ${gigabytes(bytes)}, more than the 4.0 GiB that WebAssembly can address`;
  }
  const free = options.memory ?? freeMemory().bytes;
  if (bytes + besides <= free) return undefined;
  const also = besides > 0 ? ` besides ${gigabytes(besides)} of descriptors` : '';
  return `the Gram matrix of ${rows} rows needs ${gigabytes(bytes)} of memory${also}, but ${gigabytes(free)} are free`;
};

/**
 * [rows, rows] inner products of the rows of `matrix`, by ONNX Runtime.
 *
 * @throws UsageError if memory is too small (checked before anything is allocated) or there are too many rows
 */
export const gramOf = (matrix: Matrix, options: GramOptions = {}): Gram => {
  const { rows } = matrix;
  const slots = options.threads ?? usableCores();
  const bytes = dualBytes(rows, slots);
  const old = options.reuse?.memory;
  const reused = !options.plain && old && old.buffer.byteLength >= bytes ? old : undefined;
  const reason = whyNotDual(rows, reused ? { ...options, memory: Infinity } : options);
  if (reason) {
    throw new UsageError(
      text`The dual SVM solver cannot take these descriptors: ${reason}. Choose ${option('solver')} primal, which streams them, or train on fewer images.`,
    );
  }
  const memory = reused ?? (options.plain || !hasWasm() ? undefined : sharedMemory(bytes));
  if (memory && !reused) adviseHugePages(memory.buffer);
  const data = new Float32Array(
    memory?.buffer ?? new SharedArrayBuffer(RESERVED + rows * rows * 4),
    RESERVED,
    rows * rows,
  );
  // Blocks are computed in the memory of the first thread's vectors, which is larger.
  const writer =
    memory && wasmBlockWriter(memory, data, rows, workspaceStart(rows, 0), gramBlock(rows, slots));
  gramInto(matrix, data, slots, writer);
  return { rows, data, slots, ...(memory && { memory }) };
};
