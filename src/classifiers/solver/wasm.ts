// The WebAssembly module of the solver: loaded if the machine has SIMD, on memory that threads share.
import { type Module, PAGE, type SharedMemory, compileModule, instantiate } from '../../webassembly.js';
import type { BlockWriter } from '../../engine/gemm.js';
import type { Kernels } from './kernels.js';
import type { Workspace } from './workspace.js';

/** Bytes at the start of the memory reserved for the module. */
export const RESERVED = 4096;
/** Maximum bytes of a WebAssembly memory. */
export const MOST_BYTES = PAGE * PAGE;

type Loop<Result = void> = (...pointers: number[]) => Result;
type Exports = Readonly<Record<Exclude<keyof Kernels, 'middle'>, Loop>> & {
  readonly middle: Loop<number>;
  readonly place: Loop;
};

let compiled: Module | undefined | null = null;

/** The compiled module, or undefined if WebAssembly, its threads or its SIMD are missing. */
const solverModule = (): Module | undefined => {
  if (compiled === null) compiled = compileModule(new URL('../solver.wasm', import.meta.url));
  return compiled;
};

/** Whether this machine can run the WebAssembly module. */
export const hasWasm = (): boolean => solverModule() !== undefined;

/** The loops on workspaces that are, with their Gram matrix, in `memory`. */
export const wasmKernels = (memory: SharedMemory): Kernels => {
  const loops = instantiate(solverModule()!, memory) as Exports;
  const at = (view: { readonly byteOffset: number }): number => view.byteOffset;
  return {
    scan: (w: Workspace, bias, squared) =>
      loops.scan(
        w.n,
        ...[w.y, w.f, w.alpha, w.upper, w.cost, w.diagonal].map(at),
        ...[w.violation, w.histogram, w.member, w.report].map(at),
        bias,
        Number(squared),
      ),
    middle: (w) => loops.middle(w.n, ...[w.y, w.f, w.alpha, w.upper, w.diagonal].map(at)),
    pick: (w, most) =>
      loops.pick(w.n, ...[w.violation, w.histogram, w.active, w.member, w.report].map(at), most),
    gather: (w, biasSquared) =>
      loops.gather(w.n, w.m, ...[w.gram, w.active, w.local, w.report].map(at), biasSquared),
    keep: (w, count) => loops.keep(w.m, ...[w.active, w.member, w.local, w.list, w.report].map(at), count),
    relax: (w, bias, biasSquared, steps, enough) =>
      loops.relax(
        w.m,
        ...[w.active, w.local, w.change, w.y, w.f, w.alpha, w.upper, w.diagonal].map(at),
        ...[w.errors, w.up, w.down, w.rise, w.fall, w.bends, w.report].map(at),
        bias,
        biasSquared,
        steps,
        enough,
      ),
    newton: (w, bias, biasSquared) =>
      loops.newton(
        w.m,
        w.mostFree,
        ...[w.active, w.local, w.change, w.y, w.f, w.alpha, w.upper, w.diagonal].map(at),
        ...[w.list, w.factor, w.errors, w.up, w.report].map(at),
        bias,
        biasSquared,
      ),
    update: (w) => loops.update(w.n, ...[w.gram, w.f, w.active, w.change, w.list, w.report].map(at)),
  };
};

/**
 * Writes a Gram matrix's blocks with the module.
 *
 * @param gram the matrix of `rows` x `rows`, in `memory`
 * @param start byte offset in `memory` of a temporary block of `size` x `size`
 */
export const wasmBlockWriter = (
  memory: SharedMemory,
  gram: Float32Array,
  rows: number,
  start: number,
  size: number,
): BlockWriter => {
  const { place } = instantiate(solverModule()!, memory) as Exports;
  return {
    block: new Float32Array(memory.buffer, start, size * size),
    write: (top, left, height, width) => place(gram.byteOffset, rows, start, top, left, height, width),
  };
};
