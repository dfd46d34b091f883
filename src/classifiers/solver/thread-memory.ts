// A thread's memory: its loops and its vectors beside the Gram matrix.
import type { SharedMemory } from '../../webassembly.js';
import { type Kernels, plainKernels } from './kernels.js';
import { wasmKernels } from './wasm.js';
import { type Workspace, activeSize, workspaceAt, workspaceBytes } from './workspace.js';

/** Memory of one thread and the shared Gram matrix, as posted to the thread. */
export interface ThreadMemory {
  readonly rows: number;
  readonly gram: Float32Array;
  /** The WebAssembly memory that holds `gram`; plain loops if missing. */
  readonly memory?: SharedMemory;
  /** Byte offset in `memory` of the thread's vectors. */
  readonly start: number;
}

/** The loops and vectors in a thread's memory. */
export const workspaceOf = ({
  rows,
  gram,
  memory,
  start,
}: ThreadMemory): { workspace: Workspace; kernels: Kernels } =>
  memory
    ? { workspace: workspaceAt(gram, rows, memory.buffer, start), kernels: wasmKernels(memory) }
    : {
        workspace: workspaceAt(gram, rows, new ArrayBuffer(workspaceBytes(rows, activeSize(rows))), 0),
        kernels: plainKernels,
      };
