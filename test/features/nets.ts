// What tests of this room share: small nets with random weights, folders of small images, and their items.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { type Architecture, architecture } from '../../src/backbone/nets/architecture.js';
import { type Backbone, openBackbone, saveBackbone } from '../../src/backbone/nets/backbone.js';
import type { Item } from '../../src/datasets/dataset.js';
import { Random } from '../../src/random.js';
import { sizeFromShape } from '../../src/shape.js';

/** A net with four blocks, input of 32 pixels, about 1/16 of the paper's width. */
export const small = (change: Partial<Architecture> = {}): Architecture =>
  architecture({
    config: 'A',
    width: 1 / 16,
    blocks: 4,
    inputSize: 32,
    fullyConnected: 24,
    outputs: 10,
    ...change,
  });

/** Saves a net with He-scaled random weights and small random biases. */
export const randomBackbone = async (
  path: string,
  net: Architecture = small(),
  seed = 1,
  input: Partial<Backbone['metadata']['input']> = {},
): Promise<Backbone> => {
  const metadata: Backbone['metadata'] = {
    format: 1,
    architecture: net,
    input: { order: 'rgb', scale: 1, mean: [120, 115, 100], std: [60, 61, 62], ...input },
    classes: [],
  };
  await saveBackbone(path, metadata, (name, shape) => {
    const random = new Random('weights', seed, name);
    const count = sizeFromShape(shape);
    const scale = shape.length === 1 ? 0.1 : Math.sqrt((2 * shape[0]!) / count);
    return Float32Array.from({ length: count }, () => scale * random.normal());
  });
  return openBackbone(path);
};

/** Encoded bytes of a smooth random picture. */
export const picture = (width: number, height: number, seed: number): Promise<Buffer> => {
  const random = new Random('picture', seed);
  const side = 6;
  const noise = Buffer.from(Array.from({ length: side * side * 3 }, () => random.below(256)));
  return sharp(noise, { raw: { width: side, height: side, channels: 3 } })
    .resize({ width, height, fit: 'fill', kernel: 'cubic' })
    .png({ compressionLevel: 1 })
    .toBuffer();
};

/** Writes `count` pictures of different sizes into `folder`, in two classes, and gives their items. */
export const pictures = async (folder: string, count: number, start = 0): Promise<Item[]> => {
  const items: Item[] = [];
  for (let i = start; i < start + count; i++) {
    const label = i % 2 ? 'odd' : 'even';
    const path = `${label}/${String(i).padStart(4, '0')}.png`;
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, await picture(33 + (i % 7) * 5, 40 + (i % 5) * 9, i));
    items.push({ id: path, path, source: { file }, labels: [label] });
  }
  return items;
};
