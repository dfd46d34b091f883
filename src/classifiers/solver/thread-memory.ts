// What memory a thread works in: its loops and its vectors beside the Gram matrix.
import type { SharedMemory } from '../../webassembly.js';
import { type Kernels, plainKernels } from './kernels.js';
import { wasmKernels } from './wasm.js';
import { type Workspace, activeSize, workspaceAt, workspaceBytes } from './workspace.js';

/** Memory for one thread beside what all see, as it is sent to the thread. */
export interface ThreadMemory {
  readonly rows: number;
  readonly gram: Float32Array;
  /** The WebAssembly memory that `gram` lies in; plain loops where missing. */
  readonly memory?: SharedMemory;
  /** Byte of `memory` at which the thread's vectors begin. */
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
