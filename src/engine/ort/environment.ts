// ONNX Runtime's environment in this thread: threads and memory that sessions share.
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { usableCores } from '../../cores.js';
import { type Library, type Pointer, check, loadLibrary, receive, store } from './library.js';

export interface Environment {
  readonly library: Library;
  readonly env: Pointer;
  readonly memory: Pointer;
  readonly allocator: Pointer;
  /** Threads of the pool that sessions share. */
  readonly poolThreads: number;
}

const environmentKey = Symbol.for('verydeep.onnxruntime.environment');
const poolKey = 'verydeep.onnxruntime.pool';

/**
 * Gives the environment one arena for all sessions of the process; a second registration is refused, which is
 * harmless.
 */
const shareArena = (library: Library, env: Pointer, memory: Pointer): void => {
  const { api } = library;
  const config = receive(library, (out) => api.createArenaCfg(0, 1, -1, -1, out)); // Extends by the requested size.
  const status = api.createAndRegisterAllocator(env, memory, config);
  if (status !== null) api.release.status(status);
  api.release.arenaConfig(config);
};

/** ONNX Runtime as this thread uses it, with a pool of threads that the whole process shares. */
export const environment = (threads = 1): Environment => {
  if (store[environmentKey]) return store[environmentKey] as Environment;
  const library = loadLibrary();
  const { api } = library;
  // The first thread sets the size of the process's pool; its workers receive it.
  const shared = getEnvironmentData(poolKey) as number | undefined;
  const poolThreads = shared ?? (threads > 1 ? threads : usableCores());
  const options = receive(library, (out) => api.createThreadingOptions(out));
  check(library, api.setGlobalIntraOpNumThreads(options, poolThreads));
  check(library, api.setGlobalSpinControl(options, 0));
  const fatalOnly = 4; // Errors are thrown, not printed.
  const env = receive(library, (out) =>
    api.createEnvWithGlobalThreadPools(fatalOnly, 'verydeep', options, out),
  );
  api.release.threadingOptions(options);
  const memory = receive(library, (out) => api.createCpuMemoryInfo(1, 0, out));
  const allocator = receive(library, (out) => api.getAllocatorWithDefaultOptions(out));
  shareArena(library, env, memory);
  setEnvironmentData(poolKey, poolThreads);
  return (store[environmentKey] = { library, env, memory, allocator, poolThreads });
};
