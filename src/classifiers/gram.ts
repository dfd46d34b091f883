// The Gram matrix of all rows, made once in memory that threads share, for every class and every C.
import { usableCores } from '../cores.js';
import { gramBlock } from '../engine/gemm.js';
import { adviseHugePages } from '../engine/pages.js';
import { UsageError, option, text } from '../errors.js';
import type { Matrix } from '../matrix.js';
import { gramInto } from './product.js';
import { type SharedMemory, sharedMemory } from '../webassembly.js';
import { MOST_BYTES, RESERVED, hasWasm, wasmBlockWriter } from './solver/wasm.js';
import { activeSize, workspaceBytes } from './solver/workspace.js';

/** Inner products of all pairs of rows, float32, and room for the solver's vectors beside them. */
export interface Gram {
  readonly rows: number;
  /** [rows, rows] */
  readonly data: Float32Array;
  /** The WebAssembly memory that `data` lies in; missing where the plain solver is used. */
  readonly memory?: SharedMemory;
  /** Threads that there is room for. */
  readonly slots: number;
}

/** How the Gram matrix is made. */
interface GramOptions {
  /** Threads that compute and that can solve on it; default all cores. */
  readonly threads?: number;
  /** Do without WebAssembly. */
  readonly plain?: boolean;
  /** Bytes of memory that may be taken; default what the system has free. */
  readonly memory?: number;
  /** A Gram matrix that is not needed any more: its memory is taken where it is large enough, since fresh memory is dear. */
  readonly reuse?: Gram | undefined;
}

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Byte at which the vectors of the thread `slot` begin. */
export const workspaceStart = (rows: number, slot: number): number =>
  RESERVED + align(rows * rows * 4) + slot * workspaceBytes(rows, activeSize(rows));

/** Bytes of memory that the dual solver needs for `rows` rows and `threads` threads. */
export const dualBytes = (rows: number, threads: number): number => workspaceStart(rows, threads);

/**
 * Why the dual solver cannot take `rows` rows, or undefined where it can.
 *
 * @param besides bytes that will be taken for other things, such as descriptors that are still on disk
 */
export const whyNotDual = (rows: number, options: GramOptions = {}, besides = 0): string | undefined => {
  const bytes = dualBytes(rows, options.threads ?? usableCores());
  const gigabytes = (value: number): string => `${(value / 2 ** 30).toFixed(1)} GiB`;
  if (bytes > MOST_BYTES) {
    return `the Gram matrix of ${rows} rows needs ${gigabytes(bytes)}, more than the 4.0 GiB that WebAssembly can address`;
  }
  const free = options.memory ?? process.availableMemory();
  if (bytes + besides <= free) return undefined;
  const also = besides > 0 ? ` besides ${gigabytes(besides)} of descriptors` : '';
  return `the Gram matrix of ${rows} rows needs ${gigabytes(bytes)} of memory${also}, but ${gigabytes(free)} are free`;
};

/**
 * [rows, rows] inner products of the rows of `matrix`, by ONNX Runtime.
 *
 * @throws UsageError where memory is too small (checked before anything is allocated) or the rows too many
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
  // Blocks are computed where the first thread's vectors will be: their active rows alone take more room.
  const writer =
    memory && wasmBlockWriter(memory, data, rows, workspaceStart(rows, 0), gramBlock(rows, slots));
  gramInto(matrix, data, slots, writer);
  return { rows, data, slots, ...(memory && { memory }) };
};
