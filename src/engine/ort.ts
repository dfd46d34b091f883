// All that the rest sees of ONNX Runtime's C API, which `ort/` alone calls (through koffi). No pointer leaves it, but for the tables of shared sessions and of lent memory.
export { describeLibrary } from './ort/describe.js';
export { borrow, lend } from './ort/shared-memory.js';
export type { Provider } from './ort/provider.js';
export { NativeSession, type NativeSessionOptions, type ValueInfo } from './ort/session.js';
export { Value, allocate } from './ort/value.js';
