// The functions of ONNX Runtime's C API that are used, by their positions in its table.

/** The requested version of the C API: every function below exists since then. */
export const API_VERSION = 20;

export const P = 'void *';

/** The functions that are used: position in the table `OrtApi` (fixed by its ABI) and arguments. All return a status. */
export const functions = {
  createSessionFromArray: [8, [P, P, 'size_t', P, P]],
  run: [9, [P, P, P, P, 'size_t', P, 'size_t', P]],
  createSessionOptions: [10, [P]],
  disableMemPattern: [17, [P]],
  setSessionGraphOptimizationLevel: [23, [P, 'int']],
  setIntraOpNumThreads: [24, [P, 'int']],
  setInterOpNumThreads: [25, [P, 'int']],
  sessionGetInputCount: [30, [P, P]],
  sessionGetOutputCount: [31, [P, P]],
  sessionGetInputTypeInfo: [33, [P, 'size_t', P]],
  sessionGetOutputTypeInfo: [34, [P, 'size_t', P]],
  sessionGetInputName: [36, [P, 'size_t', P, P]],
  sessionGetOutputName: [37, [P, 'size_t', P, P]],
  createTensorWithData: [49, [P, P, 'size_t', P, 'size_t', 'int', P]],
  getTensorMutableData: [51, [P, P]],
  castTypeInfoToTensorInfo: [55, [P, P]],
  getTensorElementType: [60, [P, P]],
  getDimensionsCount: [61, [P, P]],
  getDimensions: [62, [P, P, 'size_t']],
  getSymbolicDimensions: [63, [P, P, 'size_t']],
  getTensorTypeAndShape: [65, [P, P]],
  createCpuMemoryInfo: [69, ['int', 'int', P]],
  allocatorFree: [76, [P, P]],
  getAllocatorWithDefaultOptions: [78, [P]],
  createEnvWithGlobalThreadPools: [119, ['int', 'str', P, P]],
  disablePerSessionThreads: [120, [P]],
  createThreadingOptions: [121, [P]],
  getAvailableProviders: [125, [P, P]],
  releaseAvailableProviders: [126, [P, 'int']],
  addSessionConfigEntry: [130, [P, 'str', 'str']],
  createAndRegisterAllocator: [144, [P, P, P]],
  setGlobalIntraOpNumThreads: [147, [P, 'int']],
  setGlobalSpinControl: [149, [P, 'int']],
  createArenaCfg: [156, ['size_t', 'int', 'int', 'int', P]],
  appendCuda: [204, [P, P]],
  createCudaOptions: [205, [P]],
  updateCudaOptions: [206, [P, P, P, 'size_t']],
  appendProvider: [216, [P, 'str', P, P, 'size_t']],
} as const satisfies Record<string, readonly [number, readonly string[]]>;

/** Functions that release an object; they return nothing. */
export const releases = {
  status: 93,
  session: 95,
  value: 96,
  typeInfo: 98,
  tensorInfo: 99,
  sessionOptions: 100,
  threadingOptions: 122,
  arenaConfig: 157,
  cudaOptions: 208,
} as const;
