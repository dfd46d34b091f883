// Compiled models: creation, inputs, outputs and runs.
import { usableCores } from '../../cores.js';
import koffi from '../koffi.js';
import { UsageError, VerydeepError } from '../../errors.js';
import type { Dimension } from '../onnx.js';
import { type SharedSession, enter, leave, publish } from '../shared-slots.js';
import type { TensorData, TensorType } from '../tensor.js';
import { type Environment, environment } from './environment.js';
import { type Pointer, check, loadLibrary, receive } from './library.js';
import { type Provider, appendProvider, withAdvice } from './provider.js';
import { stringTable } from './strings.js';
import { Value, copyOut, describeTensor } from './value.js';

/** Name, element type and shape of a session's input or output. */
export interface ValueInfo {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly Dimension[];
}

/** Options of a session. */
export interface NativeSessionOptions {
  /** Number of compute threads; default all cores. 1 computes in the calling thread. */
  readonly threads?: number;
  readonly provider?: Provider;
  /** Which GPU, counted from 0. */
  readonly gpu?: number;
  /** Folder of the files of external constants. */
  readonly externalDataFolder?: string;
  /**
   * Microseconds that an idle thread spins before it sleeps: waking up takes longer than the pauses within a
   * net. The session then has its own threads. Default 0.
   */
  readonly spin?: number;
  /** Graph optimisation; default `all`. `none` runs the graph unchanged. */
  readonly optimization?: 'none' | 'basic' | 'extended' | 'all';
  /** Further entries of ONNX Runtime's session configuration. */
  readonly config?: Readonly<Record<string, string>>;
}

const levels = { none: 0, basic: 1, extended: 2, all: 99 } as const;

/**
 * Libraries before 1.26 have no setting for the duration, and would spin for many milliseconds if allowed.
 */
const spinConfig = (microseconds: number): Readonly<Record<string, string>> => {
  const [major = 0, minor = 0] = loadLibrary().version.split('.').map(Number);
  const isBounded = major > 1 || minor >= 26;
  return {
    'session.intra_op.allow_spinning': microseconds > 0 && isBounded ? '1' : '0',
    'session.intra_op.spin_duration_us': String(microseconds),
  };
};

/** A compiled model. `run` computes on values in the caller's memory. */
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
   * @param model an encoded ONNX model, which is copied; or a session shared by another thread (then with
   * that session's options) @throws VerydeepError with ONNX Runtime's reason when it refuses the model or the
   * provider
   */
  constructor(model: Uint8Array | SharedSession, options: NativeSessionOptions = {}) {
    const threads = options.threads ?? usableCores();
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
    return withAdvice(options.provider ?? 'cpu', () => {
      const settings = this.#settings(options, threads);
      try {
        return receive(library, (out) =>
          library.api.createSessionFromArray(env, model, model.byteLength, settings, out),
        );
      } finally {
        library.api.release.sessionOptions(settings);
      }
    });
  }

  /**
   * Lets other threads of this process run this session concurrently, on the same weights. The last one to
   * close it frees it.
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
      ...spinConfig(options.spin ?? 0),
      ...(options.externalDataFolder !== undefined && {
        'session.model_external_initializers_file_folder_path': options.externalDataFolder,
      }),
      ...options.config,
    };
    try {
      if (threads === poolThreads && threads > 1 && !options.spin) {
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
   * Computes. The values are given in the order of `inputs` and `outputs`; an output `undefined` is returned
   * in new memory, the others are filled in place.
   *
   * @throws VerydeepError with ONNX Runtime's reason when the computation fails
   */
  run(inputs: readonly Value[], outputs: readonly (Value | undefined)[]): void {
    this.#invoke(inputs, outputs);
  }

  /** Computes and returns new copies of all outputs, in the order of `outputs`. */
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
