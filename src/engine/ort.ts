// The one module that calls ONNX Runtime's C API (through koffi). No pointer leaves it, but for the table of shared sessions.
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import koffi from 'koffi';
import { UsageError, VerydeepError, messageOf } from '../errors.js';
import type { Dimension } from './onnx.js';
import { type SharedSession, enter, leave, publish } from './shared-slots.js';
import { type TensorData, type TensorType, elementTypes } from './tensor.js';

// ONNX Runtime's official builds report their use to Microsoft. A toolkit has no business to: switched off when this module is
// loaded, since the library reads the variable when it starts. Whoever sets it keeps his own value.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

/** The version of the C API that is asked for: every function below exists since then. */
const API_VERSION = 20;

const P = 'void *';

/** The functions that are used: position in the table `OrtApi` (fixed by its ABI) and arguments. All return a status. */
const functions = {
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
const releases = {
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

type Pointer = bigint;
type Native = (...args: unknown[]) => Pointer | null;
type Api = Record<keyof typeof functions, Native> & { release: Record<keyof typeof releases, Native> };

/** Where an execution provider computes. */
export type Provider = 'cpu' | 'webgpu' | 'cuda';

interface Library {
  readonly handle: unknown; // Kept reachable: collected, it would unload the library under running threads.
  readonly api: Api;
  readonly errorMessage: (status: Pointer) => string;
  readonly version: string;
  readonly path: string;
}

interface Environment {
  readonly library: Library;
  readonly env: Pointer;
  readonly memory: Pointer;
  readonly allocator: Pointer;
  /** Threads of the pool that sessions share. */
  readonly poolThreads: number;
}

/** What this thread has loaded; on globalThis so that it lives exactly as long as the thread. */
const store = globalThis as { [key: symbol]: unknown };
const libraryKey = Symbol.for('verydeep.onnxruntime.library');
const environmentKey = Symbol.for('verydeep.onnxruntime.environment');
const poolKey = 'verydeep.onnxruntime.pool';

const libraryNames: Readonly<Record<string, RegExp>> = {
  linux: /^libonnxruntime\.so\.\d/,
  darwin: /^libonnxruntime\.\d.*\.dylib$/,
  win32: /^onnxruntime\.dll$/,
};

const noLibrary = (reason: string): VerydeepError =>
  new VerydeepError(
    `Cannot load ONNX Runtime: ${reason} Run "npm ci" again on this machine, or point VERYDEEP_ONNXRUNTIME at a library of version 1.20 or later.`,
  );

/** Path of ONNX Runtime's shared library: `VERYDEEP_ONNXRUNTIME`, else the one that onnxruntime-node ships. */
const findLibrary = (): string => {
  const given = process.env['VERYDEEP_ONNXRUNTIME'];
  if (given) {
    if (!existsSync(given)) throw noLibrary(`the file ${given} of VERYDEEP_ONNXRUNTIME does not exist.`);
    return given;
  }
  let packageFolder: string;
  try {
    packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch (error) {
    throw noLibrary(`the package onnxruntime-node is not installed (${messageOf(error)}).`);
  }
  const { platform, arch } = process;
  const bin = join(packageFolder, 'bin');
  const pattern = libraryNames[platform];
  for (const version of existsSync(bin) && pattern ? readdirSync(bin) : []) {
    const folder = join(bin, version, platform, arch);
    const name = existsSync(folder) && readdirSync(folder).find((file) => pattern!.test(file));
    if (name) return join(folder, name);
  }
  throw noLibrary(`onnxruntime-node ships no library for ${platform} on ${arch}.`);
};

const loadLibrary = (): Library => {
  if (store[libraryKey]) return store[libraryKey] as Library;
  const path = findLibrary();
  let handle: ReturnType<typeof koffi.load>;
  let base: Pointer | null;
  try {
    handle = koffi.load(path);
    base = handle.func('OrtGetApiBase', P, [])() as Pointer | null;
  } catch (error) {
    throw noLibrary(`${path}: ${messageOf(error)}.`);
  }
  const at = (table: Pointer, index: number): Pointer => koffi.decode(table, 8 * index, P) as Pointer;
  const bind = (address: Pointer, result: string, args: readonly string[]) =>
    koffi.decode(address, koffi.proto(result, [...args])) as Native;
  const version = String(base && bind(at(base, 1), 'str', [])());
  const table = base && bind(at(base, 0), P, ['uint32_t'])(API_VERSION);
  if (!table) throw noLibrary(`${path} is version ${version}, which is too old.`);
  const entries = Object.entries(functions).map(([name, [index, args]]) => [
    name,
    bind(at(table, index), P, args),
  ]);
  const release = Object.fromEntries(
    Object.entries(releases).map(([name, index]) => [name, bind(at(table, index), 'void', [P])]),
  );
  const api = { ...Object.fromEntries(entries), release } as unknown as Api;
  const errorMessage = bind(at(table, 2), 'str', [P]) as unknown as (status: Pointer) => string;
  const library: Library = { handle, api, errorMessage, version, path };
  store[libraryKey] = library;
  return library;
};

/** Throws the error that a status carries; no status is success. */
const check = (library: Library, status: Pointer | null): void => {
  if (status === null) return;
  const message = library
    .errorMessage(status)
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  library.api.release.status(status);
  const advice = /bad_alloc|failed to allocate|out of memory/i.test(message)
    ? ' There is too little memory: use a smaller batch or smaller images.'
    : '';
  throw new VerydeepError(`ONNX Runtime: ${message}${advice}`);
};

/** Calls a function whose last argument receives a pointer, and returns that pointer. */
const receive = (library: Library, call: (out: BigUint64Array) => Pointer | null): Pointer => {
  const out = new BigUint64Array(new ArrayBuffer(8));
  check(library, call(out));
  return out[0] as Pointer;
};

/** Gives the environment one arena for all sessions of the process; a second registration is refused, which is fine. */
const shareArena = (library: Library, env: Pointer, memory: Pointer): void => {
  const { api } = library;
  const config = receive(library, (out) => api.createArenaCfg(0, 1, -1, -1, out)); // Extends by what is asked for.
  const status = api.createAndRegisterAllocator(env, memory, config);
  if (status !== null) api.release.status(status);
  api.release.arenaConfig(config);
};

/** ONNX Runtime as this thread uses it, with a pool of threads that the whole process shares. */
const environment = (threads: number): Environment => {
  if (store[environmentKey]) return store[environmentKey] as Environment;
  const library = loadLibrary();
  const { api } = library;
  // The first thread that comes decides the size of the process's pool; the workers it starts are told.
  const shared = getEnvironmentData(poolKey) as number | undefined;
  const poolThreads = shared ?? (threads > 1 ? threads : availableParallelism());
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

const arrays = {
  float32: Float32Array,
  float16: Uint16Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
} as const;

const typeOfElement = new Map(Object.entries(elementTypes).map(([type, n]) => [n, type as TensorType]));

const ALIGNMENT = 64; // A cache line, and a vector of AVX-512.

/**
 * Fresh memory outside V8's heap that starts on a cache line, as a typed array.
 *
 * @throws VerydeepError when the machine has too little memory
 */
export const allocate = <T extends TensorType>(type: T, length: number): TensorData[T] => {
  const make = arrays[type] as unknown as new (b: ArrayBuffer, o: number, n: number) => TensorData[T];
  const bytes = length * (make as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  let buffer: ArrayBuffer;
  try {
    buffer = new ArrayBuffer(bytes + ALIGNMENT);
  } catch {
    throw new VerydeepError(
      `Too little memory for a tensor of ${Math.ceil(bytes / 2 ** 20)} MiB: use a smaller batch or smaller images.`,
    );
  }
  const address = koffi.address(buffer);
  return new make(buffer, Number(-address & BigInt(ALIGNMENT - 1)), length);
};

/** A tensor that ONNX Runtime reads or writes where it lies. The memory stays the caller's; `release` when done. */
export class Value {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** Held so that the memory outlives the native value. */
  readonly data: TensorData[TensorType];
  #handle: Pointer | undefined;
  readonly #library: Library;

  /** @throws UsageError when the shape does not fit the number of elements */
  constructor(data: TensorData[TensorType], type: TensorType, dims: readonly number[]) {
    const count = dims.reduce((a, b) => a * b, 1);
    if (count !== data.length || !(data instanceof arrays[type])) {
      throw new UsageError(
        `Expected ${data.length} elements of ${type} for a tensor but its shape is [${dims.join(', ')}].`,
      );
    }
    const { library, memory } = environment(availableParallelism());
    this.type = type;
    this.dims = dims;
    this.data = data;
    this.#library = library;
    const shape = BigInt64Array.from(dims, BigInt);
    // `buffer` moves a small array out of V8's heap, where it could be moved by the garbage collector.
    const address = koffi.address(new Uint8Array(data.buffer)) + BigInt(data.byteOffset);
    this.#handle = receive(library, (out) =>
      library.api.createTensorWithData(
        memory,
        address,
        data.byteLength,
        shape,
        dims.length,
        elementTypes[type],
        out,
      ),
    );
  }

  /** For sessions of this module only. */
  static handleOf(value: Value): Pointer {
    if (value.#handle === undefined) throw new VerydeepError('A tensor was used after its release.');
    return value.#handle;
  }

  /** Frees the native value (not the memory). A second call does nothing. */
  release(): void {
    if (this.#handle !== undefined) this.#library.api.release.value(this.#handle);
    this.#handle = undefined;
  }
}

/** Name, element type and shape of a session's input or output. */
export interface ValueInfo {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly Dimension[];
}

/** How a session is made. */
export interface NativeSessionOptions {
  /** Threads that compute; default all cores. 1 computes in the calling thread. */
  readonly threads?: number;
  readonly provider?: Provider;
  /** Which GPU, counted from 0. */
  readonly gpu?: number;
  /** Folder of the files that constants given by location lie in. */
  readonly externalDataFolder?: string;
  /** Whether idle threads spin: quicker on an idle machine, wasteful on a shared one. Default false. */
  readonly spinning?: boolean;
  /** Graph optimisation; default `all`. `none` runs the graph as it is written. */
  readonly optimization?: 'none' | 'basic' | 'extended' | 'all';
  /** Further entries of ONNX Runtime's session configuration. */
  readonly config?: Readonly<Record<string, string>>;
}

const levels = { none: 0, basic: 1, extended: 2, all: 99 } as const;

/** Pointers to NUL-terminated strings, and the strings, which must stay reachable. */
const stringTable = (strings: readonly string[]): { table: BigUint64Array; bytes: readonly Uint8Array[] } => {
  const bytes = strings.map((text) => {
    const source = new TextEncoder().encode(text);
    const target = new Uint8Array(new ArrayBuffer(source.length + 1));
    target.set(source);
    return target;
  });
  const table = new BigUint64Array(new ArrayBuffer(Math.max(8, 8 * strings.length)));
  bytes.forEach((array, i) => (table[i] = koffi.address(array.buffer)));
  return { table, bytes };
};

const appendProvider = (library: Library, options: Pointer, provider: Provider, gpu: number): void => {
  const { api } = library;
  if (provider === 'webgpu') {
    const keys = stringTable(['deviceId']);
    const values = stringTable([String(gpu)]);
    const given = gpu === 0 ? 0 : 1;
    check(library, api.appendProvider(options, 'WebGPU', keys.table, values.table, given));
  } else if (provider === 'cuda') {
    const cuda = receive(library, (out) => api.createCudaOptions(out));
    try {
      const keys = stringTable(['device_id']);
      check(library, api.updateCudaOptions(cuda, keys.table, stringTable([String(gpu)]).table, 1));
      check(library, api.appendCuda(options, cuda));
    } finally {
      api.release.cudaOptions(cuda);
    }
  }
};

/** A compiled model. `run` computes on values that lie in the caller's memory. */
export class NativeSession {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #environment: Environment;
  readonly #inputNames;
  readonly #outputNames;
  readonly #inputHandles: BigUint64Array;
  readonly #outputHandles: BigUint64Array;
  #session: Pointer | undefined;
  #shared: SharedSession | undefined;

  /**
   * @param model an encoded ONNX model, which is copied; or a session that another thread shares (`options` are then its own)
   * @throws VerydeepError with ONNX Runtime's reason when it refuses the model or the provider
   */
  constructor(model: Uint8Array | SharedSession, options: NativeSessionOptions = {}) {
    const threads = options.threads ?? availableParallelism();
    this.#environment = environment(threads);
    if (model instanceof Uint8Array) this.#session = this.#create(model, options, threads);
    else [this.#shared, this.#session] = [model, enter(model)];
    try {
      this.inputs = this.#describe('Input');
      this.outputs = this.#describe('Output');
    } catch (error) {
      this.close();
      throw error;
    }
    this.#inputNames = stringTable(this.inputs.map(({ name }) => name));
    this.#outputNames = stringTable(this.outputs.map(({ name }) => name));
    this.#inputHandles = new BigUint64Array(new ArrayBuffer(8 * Math.max(1, this.inputs.length)));
    this.#outputHandles = new BigUint64Array(new ArrayBuffer(8 * Math.max(1, this.outputs.length)));
  }

  #create(model: Uint8Array, options: NativeSessionOptions, threads: number): Pointer {
    const { library, env } = this.#environment;
    const settings = this.#settings(options, threads);
    try {
      return receive(library, (out) =>
        library.api.createSessionFromArray(env, model, model.byteLength, settings, out),
      );
    } finally {
      library.api.release.sessionOptions(settings);
    }
  }

  /**
   * Lets other threads of this process run this session at the same time, on the same weights. The last one to close it
   * frees it.
   */
  share(): SharedSession {
    if (this.#session === undefined) throw new VerydeepError('A session was used after it was closed.');
    return (this.#shared ??= publish(this.#session));
  }

  #settings(options: NativeSessionOptions, threads: number): Pointer {
    const { library, poolThreads } = this.#environment;
    const { api } = library;
    const settings = receive(library, (out) => api.createSessionOptions(out));
    const config: Record<string, string> = {
      'session.use_env_allocators': '1',
      'session.intra_op.allow_spinning': options.spinning ? '1' : '0',
      ...(options.externalDataFolder !== undefined && {
        'session.model_external_initializers_file_folder_path': options.externalDataFolder,
      }),
      ...options.config,
    };
    try {
      if (threads === poolThreads && threads > 1 && !options.spinning) {
        check(library, api.disablePerSessionThreads(settings));
      } else {
        check(library, api.setIntraOpNumThreads(settings, threads));
        check(library, api.setInterOpNumThreads(settings, 1));
      }
      check(library, api.disableMemPattern(settings));
      check(library, api.setSessionGraphOptimizationLevel(settings, levels[options.optimization ?? 'all']));
      for (const [key, value] of Object.entries(config))
        check(library, api.addSessionConfigEntry(settings, key, value));
      appendProvider(library, settings, options.provider ?? 'cpu', options.gpu ?? 0);
    } catch (error) {
      api.release.sessionOptions(settings);
      throw error;
    }
    return settings;
  }

  #describe(side: 'Input' | 'Output'): ValueInfo[] {
    const { library, allocator } = this.#environment;
    const { api } = library;
    const session = this.#session!;
    const count = Number(receive(library, (out) => api[`sessionGet${side}Count`](session, out)));
    return Array.from({ length: count }, (_, i) => {
      const text = receive(library, (out) => api[`sessionGet${side}Name`](session, i, allocator, out));
      const name = koffi.decode.string(text);
      check(library, api.allocatorFree(allocator, text));
      const typeInfo = receive(library, (out) => api[`sessionGet${side}TypeInfo`](session, i, out));
      try {
        const info = receive(library, (out) => api.castTypeInfoToTensorInfo(typeInfo, out));
        return { name, ...describeTensor(library, info) };
      } finally {
        api.release.typeInfo(typeInfo);
      }
    });
  }

  /**
   * Computes. The values are given in the order of `inputs` and `outputs`; an output `undefined` is returned as fresh
   * memory, the others are filled in place.
   *
   * @throws VerydeepError with ONNX Runtime's reason when the computation fails
   */
  run(inputs: readonly Value[], outputs: readonly (Value | undefined)[]): void {
    this.#invoke(inputs, outputs);
  }

  /** Computes and returns fresh copies of all outputs, in the order of `outputs`. */
  evaluate(inputs: readonly Value[]): { type: TensorType; dims: number[]; data: TensorData[TensorType] }[] {
    const { library } = this.#environment;
    this.#invoke(
      inputs,
      this.outputs.map(() => undefined),
    );
    const handles = [...this.#outputHandles];
    try {
      return handles.map((handle) => copyOut(library, handle));
    } finally {
      for (const handle of handles) library.api.release.value(handle);
    }
  }

  #invoke(inputs: readonly Value[], outputs: readonly (Value | undefined)[]): void {
    if (this.#session === undefined) throw new VerydeepError('A session was used after it was closed.');
    if (inputs.length !== this.inputs.length || outputs.length !== this.outputs.length) {
      throw new UsageError(
        `Expected ${this.inputs.length} inputs and ${this.outputs.length} outputs for a session but received ${inputs.length} and ${outputs.length}.`,
      );
    }
    for (let i = 0; i < inputs.length; i++) this.#inputHandles[i] = Value.handleOf(inputs[i]!);
    for (let i = 0; i < outputs.length; i++)
      this.#outputHandles[i] = outputs[i] ? Value.handleOf(outputs[i]!) : 0n;
    const { library } = this.#environment;
    check(
      library,
      library.api.run(
        this.#session,
        null,
        this.#inputNames.table,
        this.#inputHandles,
        inputs.length,
        this.#outputNames.table,
        outputs.length,
        this.#outputHandles,
      ),
    );
  }

  /** Frees the session, if no other thread uses it. A second call does nothing. */
  close(): void {
    if (this.#session !== undefined && (!this.#shared || leave(this.#shared)))
      this.#environment.library.api.release.session(this.#session);
    this.#session = undefined;
  }
}

const describeTensor = (library: Library, info: Pointer): { type: TensorType; dims: Dimension[] } => {
  const { api } = library;
  const element = new Int32Array(new ArrayBuffer(4));
  check(library, api.getTensorElementType(info, element));
  const rank = Number(receive(library, (out) => api.getDimensionsCount(info, out)));
  const sizes = new BigInt64Array(new ArrayBuffer(8 * Math.max(1, rank)));
  const names = new BigUint64Array(new ArrayBuffer(8 * Math.max(1, rank)));
  check(library, api.getDimensions(info, sizes, rank));
  check(library, api.getSymbolicDimensions(info, names, rank));
  const type = typeOfElement.get(element[0]!);
  if (!type)
    throw new UsageError(
      `Expected element type ${Object.keys(elementTypes).join(', ')} for a model's input or output but received ONNX type ${element[0]}.`,
    );
  const dims = Array.from({ length: rank }, (_, i) => {
    const size = Number(sizes[i]);
    return size >= 0 ? size : koffi.decode.string(names[i]) || '?';
  });
  return { type, dims };
};

const copyOut = (
  library: Library,
  value: Pointer,
): { type: TensorType; dims: number[]; data: TensorData[TensorType] } => {
  const { api } = library;
  const info = receive(library, (out) => api.getTensorTypeAndShape(value, out));
  try {
    const { type, dims } = describeTensor(library, info) as { type: TensorType; dims: number[] };
    const count = dims.reduce((a, b) => a * b, 1);
    const make = arrays[type];
    if (count === 0) return { type, dims, data: new make(0) };
    const address = receive(library, (out) => api.getTensorMutableData(value, out));
    const data = new make(koffi.view(address, count * make.BYTES_PER_ELEMENT).slice(0));
    return { type, dims, data };
  } finally {
    api.release.tensorInfo(info);
  }
};

/** Version, path and execution providers of the ONNX Runtime library. Throws VerydeepError when it cannot be loaded. */
export const describeLibrary = (): { version: string; path: string; providers: string[] } => {
  const library = loadLibrary();
  const list = new BigUint64Array(new ArrayBuffer(8));
  const count = new Int32Array(new ArrayBuffer(4));
  check(library, library.api.getAvailableProviders(list, count));
  const providers = Array.from({ length: count[0]! }, (_, i) =>
    koffi.decode.string(koffi.decode(list[0], 8 * i, P) as Pointer),
  );
  check(library, library.api.releaseAvailableProviders(list[0], count[0]));
  return { version: library.version, path: library.path, providers };
};
