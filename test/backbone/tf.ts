// What the tests of training share: tfjs-cpu with gradients, small nets, made-up images.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type * as tfjs from '@tensorflow/tfjs-core';
import { type Architecture, architecture } from '../../src/backbone/nets/architecture.js';
import { initialWeights } from '../../src/backbone/nets/initialisation.js';
import { tensorsOf, tfShape, toTfLayout } from '../../src/backbone/nets/layout.js';
import type { Tf } from '../../src/backbone/nets/forward.js';
import { Random } from '../../src/random.js';

/** tfjs-core on the plain JavaScript backend, with gradients. */
export const cpu = async (): Promise<Tf> => {
  const tf = await import('@tensorflow/tfjs-core');
  tf.env().set('IS_TEST', true); // No banner.
  await import('@tensorflow/tfjs-backend-cpu');
  await import('@tensorflow/tfjs-layers');
  await tf.setBackend('cpu');
  return tf;
};

/** A net that plain JavaScript runs in milliseconds. */
export const tinyNet = (options: Partial<Architecture> = {}): Architecture =>
  architecture({
    config: 'A',
    width: 1 / 16,
    blocks: 2,
    inputSize: 8,
    fullyConnected: 16,
    outputs: 4,
    ...options,
  });

/** He's random weights and small random biases, in tfjs's layout. */
export const randomWeights = (tf: Tf, net: Architecture, seed = 1): Map<string, tfjs.Tensor> =>
  new Map(
    tensorsOf(net).map(({ name, layer, bias }) => {
      const random = new Random(seed, name);
      return [
        name,
        bias
          ? tf.tensor1d(Float32Array.from({ length: layer.outputs }, () => random.normal() * 0.1))
          : tf.tensor(toTfLayout(layer, initialWeights(layer, 'he', seed)), tfShape(layer)),
      ];
    }),
  );

export const randomArray = (length: number, seed: number): Float32Array => {
  const random = new Random(seed, 'array');
  return Float32Array.from({ length }, () => random.normal());
};

/** Noisy images of one colour a class, in class folders, of sizes that differ. */
export const colourImages = async (
  root: string,
  perClass: number,
  classes: Readonly<Record<string, readonly [number, number, number]>>,
): Promise<void> => {
  const random = new Random('images');
  for (const [name, colour] of Object.entries(classes)) {
    await mkdir(join(root, name), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const [width, height] = [12 + random.below(6), 12 + random.below(6)];
      const data = Uint8Array.from({ length: width * height * 3 }, (_, k) =>
        Math.min(255, Math.max(0, colour[k % 3]! + 40 * random.normal())),
      );
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toFile(join(root, name, `${i}.png`));
    }
  }
};
