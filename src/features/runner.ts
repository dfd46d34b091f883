// What computes activations: one net on one image, whatever the machinery behind it.
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
