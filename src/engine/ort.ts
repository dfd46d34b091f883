// ONNX Runtime's C API, as the rest of the engine sees it. Only `ort/` calls it (through koffi); no pointer leaves these files, but for the
// tables of shared sessions and of shared memory.
export { describeLibrary } from './ort/describe.js';
export { NoLibraryError } from './ort/library.js';
export { arrayAt, storeAddress } from './ort/shared-memory.js';
export type { Provider } from './ort/provider.js';
export { NativeSession, type NativeSessionOptions, type ValueInfo } from './ort/session.js';
export { Value, allocate } from './ort/value.js';
