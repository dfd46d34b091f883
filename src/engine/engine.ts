// Chooses what computes: libtorch or tfjs-node-gpu where they load and see a GPU, else the backend on ONNX Runtime.
import { usableCores } from '../cores.js';
import '@tensorflow/tfjs-layers'; // Its bundle registers the gradients of tfjs-core.
import * as tf from '@tensorflow/tfjs-core';
import { OutOfMemoryError, UsageError, VerydeepError, expected, messageOf, option, text } from '../errors.js';
import { type EngineName, engineNames } from './names.js';
import type { EngineOptions } from './options.js';
import { BACKEND_NAME } from './onnxruntime/backend.js';
import { registerOnnxRuntimeBackend } from './onnxruntime/register.js';
import { describeLibrary } from './ort.js';
import { type NamedDevice, chooseDevice } from './torch/device.js';
import { loadTorch, setTf32 } from './torch/library.js';
import { registerTorchBackend } from './torch/register.js';
import {
  type TensorFlowAttempt,
  type TensorFlowOptions,
  loadTensorFlow,
  mayHaveGpu,
  tensorflowPackages,
} from './tensorflow.js';

export type { EngineName } from './names.js';
export type { EngineOptions } from './options.js';

/** tfjs with a backend set. */
export interface Engine {
  readonly name: Exclude<EngineName, 'auto'>;
  readonly threads: number;
  /** Why this engine, in words. */
  readonly reason: string;
  /** The tfjs-core namespace; its current backend is the engine's. */
  readonly tf: typeof tf;
  /** Gives the engine back; when everyone who uses it has, its buffers are freed. Tensors are gone then. */
  close(): void;
}

/** An engine that was chosen, before it is used. */
interface Choice {
  readonly name: Engine['name'];
  readonly reason: string;
  /** torch's. */
  readonly device?: NamedDevice;
}

const requestedEngine = (given: EngineName | undefined): EngineName => {
  if (given !== undefined && given !== 'auto') {
    if (!engineNames.includes(given)) throw expected(engineNames.join(', '), option('engine'), given);
    return given;
  }
  const fromEnvironment = process.env['VERYDEEP_ENGINE'] ?? 'auto';
  if (!(engineNames as readonly string[]).includes(fromEnvironment))
    throw expected(engineNames.join(', '), 'the environment variable VERYDEEP_ENGINE', fromEnvironment);
  return fromEnvironment as EngineName;
};

/** Loads the packages until one is as wanted, and keeps every attempt. */
export const tryTensorFlow = async (
  options: TensorFlowOptions,
  isWanted: (attempt: TensorFlowAttempt) => boolean,
  packages: readonly (typeof tensorflowPackages)[number][] = tensorflowPackages,
): Promise<TensorFlowAttempt[]> => {
  const attempts: TensorFlowAttempt[] = [];
  for (const name of packages) {
    attempts.push(await loadTensorFlow(name, options));
    if (isWanted(attempts.at(-1)!)) break;
  }
  return attempts;
};

/** torch's device by its name, or by the number of a GPU. */
const deviceName = ({ device = 'auto', gpu }: EngineOptions): string =>
  device === 'auto' && gpu !== undefined ? `cuda:${gpu}` : device;

const chooseTorch = (options: EngineOptions, why: string): Choice => {
  setTf32(options.compute === 'tf32'); // The libraries read it when they are loaded.
  const library = loadTorch();
  const device = chooseDevice(library, deviceName(options));
  const reason = `${why}; libtorch ${library.version} of ${library.place.from} computes on ${device.name}`;
  return { name: 'torch', reason, device };
};

/** torch, if its library is here and sees a GPU. */
const torchWithGpu = (options: EngineOptions): Choice | undefined => {
  try {
    const choice = chooseTorch(options, 'a GPU was found');
    return choice.device!.name === 'cpu' ? undefined : choice;
  } catch {
    return undefined;
  }
};

const choose = async (options: EngineOptions): Promise<Choice> => {
  const requested = requestedEngine(options.engine);
  if (requested === 'onnxruntime') return { name: 'onnxruntime', reason: 'asked for' };
  if (requested === 'tensorflow') {
    const attempts = await tryTensorFlow(options, (attempt) => attempt.loaded);
    const last = attempts.at(-1)!;
    if (last.loaded) return { name: 'tensorflow', reason: `asked for; ${describeAttempt(last)}` };
    throw new UsageError(
      text`Cannot use ${option('engine')} tensorflow: ${attempts.map(describeAttempt).join('; ')}. ${attempts.map((a) => (a.loaded ? '' : a.fix)).join('; or ')}; or use ${option('engine')} onnxruntime.`,
    );
  }
  if (requested === 'torch') return chooseTorch(options, 'asked for');
  if (!mayHaveGpu()) return { name: 'onnxruntime', reason: 'no NVIDIA GPU was found' };
  const torch = torchWithGpu(options);
  if (torch) return torch;
  const [attempt] = await tryTensorFlow(options, () => true, [tensorflowPackages[0]]);
  if (attempt!.loaded && attempt!.gpu) return { name: 'tensorflow', reason: describeAttempt(attempt!) };
  return { name: 'onnxruntime', reason: describeAttempt(attempt!) };
};

/** An attempt in words. */
export const describeAttempt = (attempt: TensorFlowAttempt): string =>
  attempt.loaded
    ? `${attempt.package} ${attempt.version} is loaded and ${attempt.gpu ? 'sees a GPU' : 'sees no GPU'}`
    : `${attempt.package}: ${attempt.reason}`;

/** The engine that is open in this thread, and how many use it: tfjs has one current backend. */
let open: { engine: Engine; users: number } | undefined;

/**
 * Sets tfjs up to compute. Whoever calls it closes the engine; a second call shares the open engine.
 *
 * @throws UsageError for an unknown engine, a number of threads below one, an engine that cannot be loaded (with the
 *   reason and the fix), or one that differs from the engine that is still open
 * @throws VerydeepError when ONNX Runtime's library cannot be loaded
 */
export const useEngine = async (options: EngineOptions = {}): Promise<Engine> => {
  const threads = options.threads ?? usableCores();
  if (!Number.isInteger(threads) || threads < 1)
    throw expected('a whole number of at least 1', 'threads', threads);
  const choice = await choose(options);
  if (choice.name !== 'torch' && (options.compute ?? 'float32') !== 'float32')
    throw new UsageError(
      text`${option('compute')} ${options.compute!} needs ${option('engine')} torch: engine ${choice.name} computes in float32.`,
    );
  if (open) {
    if (open.engine.name !== choice.name || open.engine.threads !== threads) {
      throw new UsageError(
        `Cannot use engine ${choice.name} with ${threads} threads while ${open.engine.name} with ${open.engine.threads} threads is open: close that one first.`,
      );
    }
    open.users++;
    return open.engine;
  }
  if (choice.name === 'onnxruntime') {
    describeLibrary(); // Throws the reason where the library cannot be loaded; tfjs would only print it.
    registerOnnxRuntimeBackend(threads);
  }
  if (choice.name === 'torch') registerTorchBackend(threads, choice.device, options.compute);
  const backend = choice.name === 'onnxruntime' ? BACKEND_NAME : choice.name;
  if (!(await tf.setBackend(backend)))
    throw new VerydeepError(`The backend ${backend} of tfjs could not be started.`);
  await tf.ready();
  const engine: Engine = {
    ...choice,
    threads,
    tf,
    close: () => {
      if (open?.engine !== engine || --open.users > 0) return;
      open = undefined;
      if (choice.name !== 'tensorflow') tf.removeBackend(backend);
    },
  };
  open = { engine, users: 1 };
  return engine;
};

const FOREIGN_OUT_OF_MEMORY = /\bOOM\b|out of memory|ResourceExhausted|failed to allocate|bad_alloc/i;

/**
 * An error that says which batch size to try, if the given one tells of too little memory; otherwise nothing.
 *
 * @param batch images of the batch that did not fit
 */
export const outOfMemory = (error: unknown, batch: number): VerydeepError | undefined => {
  const message = messageOf(error);
  // TensorFlow's errors have no code.
  const foreign = !(error instanceof VerydeepError) && FOREIGN_OUT_OF_MEMORY.test(message);
  if (!foreign && !(error instanceof OutOfMemoryError)) return undefined;
  const smaller = Math.max(1, Math.floor(batch / 2));
  return new VerydeepError(
    batch > 1
      ? `Out of memory with a batch of ${batch} images: try a batch of ${smaller}. (${message})`
      : `Out of memory with a single image: use a smaller input or a narrower net. (${message})`,
  );
};
