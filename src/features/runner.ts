// What computes activations: one net on one image, whatever the machinery behind it.
import { openBackbone } from '../backbone/backbone.js';
import type { EngineName } from '../engine/engine.js';
import { Session, type SessionOptions } from '../engine/session.js';
import type { RgbImage } from '../images/image.js';

/** A net ready to run. Whoever creates it closes it. */
export interface Runner {
  /** Activations of an image, a vector for each layer of the recipe, averaged over positions (and the mirror image). */
  run(image: RgbImage): Promise<Float32Array[]>;
  close(): void;
}

/** A compiled graph as it is sent to worker threads. */
export interface OnnxSpec {
  readonly kind?: 'onnx';
  readonly model: Uint8Array;
  readonly externalDataFolder?: string;
  /** Names of the graph's outputs, in the order of the recipe's layers. */
  readonly outputs: readonly string[];
  readonly options: Pick<SessionOptions, 'threads' | 'provider' | 'gpu' | 'config'>;
}

/** A net on ONNX Runtime. */
export const onnxRunner = ({ model, externalDataFolder, outputs, options }: OnnxSpec): Runner => {
  const session = Session.create(model, {
    ...options,
    ...(externalDataFolder === undefined ? {} : { externalDataFolder }),
  });
  return {
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
export const tfjsRunner = async (spec: TfjsSpec): Promise<Runner> => {
  const { useEngine } = await import('../engine/engine.js');
  const { denseActivations, loadWeights } = await import('../backbone/dense-activations.js');
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
