// The WebAssembly module of the dual solver: the loops of ../kernels.ts with SIMD. Built by scripts/build-wasm.mjs.
export { scan } from './scan';
export { middle } from './middle';
export { pick } from './pick';
export { gather } from './gather';
export { keep } from './keep';
export { relax } from './relax';
export { newton } from './newton';
export { update } from './update';
export { place } from './place';
