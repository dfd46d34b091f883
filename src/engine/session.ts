// A compiled ONNX model that runs on tensors in ordinary memory; synchronous, usable in every thread.
import { UsageError, expected } from '../errors.js';
import { NativeSession, type NativeSessionOptions, Value, type ValueInfo } from './ort.js';
import type { SharedSession } from './shared-slots.js';
import type { Tensor } from './tensor.js';

export type { Provider, ValueInfo } from './ort.js';

/** Options of a session: threads, provider, folder of external constants. */
export type SessionOptions = NativeSessionOptions;

const shapeFits = (dims: readonly number[], { dims: declared }: ValueInfo): boolean =>
  dims.length === declared.length &&
  declared.every((size, i) => typeof size === 'string' || size === dims[i]);

const checked = (inputs: Readonly<Record<string, Tensor>>, info: ValueInfo): Tensor => {
  const tensor = inputs[info.name];
  if (!tensor) throw expected(`a tensor named ${info.name}`, "the session's inputs", Object.keys(inputs));
  if (tensor.type !== info.type) throw expected(info.type, `the input ${info.name}`, tensor.type);
  if (!shapeFits(tensor.dims, info)) {
    throw new UsageError(
      `Expected shape [${info.dims.join(', ')}] for the input ${info.name} but received [${tensor.dims.join(', ')}].`,
    );
  }
  return tensor;
};

/**
 * A compiled model. The caller closes it.
 *
 * A session belongs to the thread that made it; sessions of several threads are independent. `share` lets
 * other threads create sessions on the same weights.
 */
export class Session {
  readonly #native: NativeSession;

  private constructor(native: NativeSession) {
    this.#native = native;
  }

  /**
   * Compiles a model.
   *
   * @param model an encoded ONNX model, as returned by `GraphBuilder.model` @throws VerydeepError when ONNX
   * Runtime cannot be loaded, or refuses the model or the provider, with its reason
   */
  static create(model: Uint8Array, options: SessionOptions = {}): Session {
    const { threads, gpu } = options;
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
      throw expected('a whole number of at least 1', 'threads', threads);
    if (gpu !== undefined && !(Number.isInteger(gpu) && gpu >= 0))
      throw expected('a whole number of at least 0', 'gpu', gpu);
    return new Session(new NativeSession(model, options));
  }

  /**
   * A session on the weights of a session shared by another thread. @throws VerydeepError when that has been
   * closed
   */
  static attach(shared: SharedSession): Session {
    return new Session(new NativeSession(shared));
  }

  /**
   * A handle with which a worker thread attaches to this session; it can be posted. The last thread to close
   * it frees it.
   */
  share(): SharedSession {
    return this.#native.share();
  }

  /** Names, types and shapes of the inputs. */
  get inputs(): readonly ValueInfo[] {
    return this.#native.inputs;
  }

  /** Names, types and shapes of the outputs. */
  get outputs(): readonly ValueInfo[] {
    return this.#native.outputs;
  }

  /**
   * Computes all outputs. The inputs are read in place; the outputs are new copies.
   *
   * @throws UsageError when an input is missing, unknown, or of another type or shape than the model declares
   * @throws VerydeepError when the computation fails
   */
  run(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const unknown = Object.keys(inputs).find((name) => !this.inputs.some((info) => info.name === name));
    if (unknown !== undefined)
      throw expected(`one of ${this.inputs.map((i) => i.name).join(', ')}`, 'the name of an input', unknown);
    const tensors = this.inputs.map((info) => checked(inputs, info));
    const values: Value[] = [];
    try {
      for (const { data, type, dims } of tensors) values.push(new Value(data, type, dims));
      const results = this.#native.evaluate(values);
      return Object.fromEntries(results.map((result, i) => [this.outputs[i]!.name, result]));
    } finally {
      for (const value of values) value.release();
    }
  }

  /** Frees the model. A second call does nothing. */
  close(): void {
    this.#native.close();
  }
}
