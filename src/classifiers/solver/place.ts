// Where a thread works: its loops and its vectors beside the Gram matrix.
import type { SharedMemory } from '../../webassembly.js';
import { type Kernels, plainKernels } from './kernels.js';
import { wasmKernels } from './wasm.js';
import { type Workspace, activeSize, workspaceAt, workspaceBytes } from './workspace.js';

/** A place in memory, as it is sent to a thread. */
export interface Place {
  readonly rows: number;
  readonly gram: Float32Array;
  /** The WebAssembly memory that `gram` lies in; plain loops where missing. */
  readonly memory?: SharedMemory;
  /** Byte of `memory` at which the thread's vectors begin. */
  readonly start: number;
}

/** The loops and vectors of a place. */
export const placeOf = ({ rows, gram, memory, start }: Place): { workspace: Workspace; kernels: Kernels } =>
  memory
    ? { workspace: workspaceAt(gram, rows, memory.buffer, start), kernels: wasmKernels(memory) }
    : {
        workspace: workspaceAt(gram, rows, new ArrayBuffer(workspaceBytes(rows, activeSize(rows))), 0),
        kernels: plainKernels,
      };
