// What computes activations: one net on one image, whatever the machinery behind it.
import type { EngineName } from '../../engine/names.js';
import { Session, type SessionOptions } from '../../engine/session.js';
import type { SharedSession } from '../../engine/shared-slots.js';
import type { RgbImage } from '../../images/image.js';

/** A net ready to run. Whoever creates it closes it. */
export interface Runner {
  /** Activations of an image, a vector for each layer of the recipe, averaged over positions (and the mirror image). */
  run(image: RgbImage): Promise<Float32Array[]>;
  /** Lets runners of other threads use the same weights; undefined where each thread must have its own. */
  share?(): SharedSession;
  close(): void;
}

/** A compiled graph as it is sent to worker threads. */
export interface OnnxSpec {
  readonly kind?: 'onnx';
  readonly model: Uint8Array;
  readonly externalDataFolder?: string;
  /** Names of the graph's outputs, in the order of the recipe's layers. */
  readonly outputs: readonly string[];
  readonly options: Pick<SessionOptions, 'threads' | 'provider' | 'gpu'>;
  /** The session of another thread to run instead. */
  readonly shared?: SharedSession;
}

/**
 * An extraction's session. Its memory is its own: it levels off with images of mixed sizes and is given back when the session closes, unlike
 * the arena that the sessions of a training share. An idle thread does not sleep for the microseconds between two operators of a net, which
 * spares 3 % of an image in int8.
 */
export const SESSION = { config: { 'session.use_env_allocators': '0' }, spin: 50 } as const;

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

/** A net for an engine of tfjs, as it is sent to a worker thread. */
export interface TfjsSpec {
  readonly kind: 'tfjs';
  readonly backbone: string;
  readonly layers: readonly string[];
  readonly flip: boolean;
  readonly engine: Exclude<EngineName, 'auto'>;
  readonly threads: number;
  readonly gpu?: number;
}

export type RunnerSpec = OnnxSpec | TfjsSpec;

/** A net on an engine of tfjs, such as TensorFlow; its modules are loaded only here. */
const tfjsRunner = async (spec: TfjsSpec): Promise<Runner> => {
  const { useEngine } = await import('../../engine/engine.js');
  const { openBackbone } = await import('../../backbone/nets/backbone.js');
  const { denseActivations, loadWeights } = await import('../../backbone/nets/dense-activations.js');
  const { engine, threads, gpu } = spec;
  const used = await useEngine({ engine, threads, ...(gpu === undefined ? {} : { gpu }) });
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

/** The runner that a specification describes. */
export const makeRunner = (spec: RunnerSpec): Promise<Runner> =>
  spec.kind === 'tfjs' ? tfjsRunner(spec) : Promise.resolve(onnxRunner(spec));
