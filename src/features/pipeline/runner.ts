// Computes activations of one net for one image, on any engine.
import type { EngineName } from '../../engine/names.js';
import { Session, type SessionOptions } from '../../engine/session.js';
import type { SharedSession } from '../../engine/shared-slots.js';
import { type ForeignSpec, foreignRunner } from './onnx-runner.js';
import { type Runner, SESSION } from './session.js';

export { type Runner, SESSION } from './session.js';

/** A compiled graph, as sent to worker threads. */
export interface OnnxSpec {
  readonly kind?: 'onnx';
  readonly model: Uint8Array;
  readonly externalDataFolder?: string;
  /** Names of the outputs, in the order of the recipe's layers. */
  readonly outputs: readonly string[];
  readonly options: Pick<SessionOptions, 'threads' | 'provider' | 'gpu'>;
  /** The session of another thread to use instead. */
  readonly shared?: SharedSession;
}

/** A net on ONNX Runtime. */
export const onnxRunner = ({ model, externalDataFolder, outputs, options, shared }: OnnxSpec): Runner => {
  const session = shared
    ? Session.attach(shared)
    : Session.create(model, {
        ...options,
        ...SESSION,
        ...(externalDataFolder === undefined ? {} : { externalDataFolder }),
      });
  return {
    ...((options.provider ?? 'cpu') === 'cpu' && { share: () => session.share() }),
    run: ({ width, height, data }) => {
      const result = session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data } });
      return Promise.resolve(outputs.map((name) => result[name]!.data as Float32Array));
    },
    close: () => session.close(),
  };
};

/** A net for a tfjs engine, as sent to a worker thread. */
export interface TfjsSpec {
  readonly kind: 'tfjs';
  readonly backbone: string;
  readonly layers: readonly string[];
  readonly flip: boolean;
  readonly engine: Exclude<EngineName, 'auto'>;
  readonly threads: number;
  readonly gpu?: number;
  readonly device?: string;
}

export type RunnerSpec = OnnxSpec | TfjsSpec | ForeignSpec;

/** A net on a tfjs engine such as TensorFlow; its modules are loaded here only. */
const tfjsRunner = async (spec: TfjsSpec): Promise<Runner> => {
  const { useEngine } = await import('../../engine/engine.js');
  const { openBackbone } = await import('../../backbone/nets/backbone.js');
  const { denseActivations, loadWeights } = await import('../../backbone/nets/dense-activations.js');
  const { engine, threads, gpu, device } = spec;
  const used = await useEngine({
    engine,
    threads,
    ...(gpu === undefined ? {} : { gpu }),
    ...(device === undefined ? {} : { device }),
  });
  const { tf } = used;
  const backbone = await openBackbone(spec.backbone);
  const weights = await loadWeights(tf, backbone);
  return {
    run: (image) => Promise.resolve(denseActivations(tf, backbone, weights, image, spec)),
    close: () => {
      for (const tensor of weights.values()) tensor.dispose();
      used.close();
    },
  };
};

/** Creates the runner that a specification describes. */
export const makeRunner = (spec: RunnerSpec): Promise<Runner> =>
  spec.kind === 'tfjs'
    ? tfjsRunner(spec)
    : Promise.resolve(spec.kind === 'foreign' ? foreignRunner(spec) : onnxRunner(spec));
