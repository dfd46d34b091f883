// Data of the extraction benchmark: full-size VGG-16 with random weights, and JPEGs of drawings.
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { architecture, layersOf } from '../../../src/backbone/nets/architecture.js';
import { saveBackbone } from '../../../src/backbone/nets/backbone.js';
import type { Item } from '../../../src/datasets/dataset.js';
import { Random } from '../../../src/random.js';
import { sizeFromShape } from '../../../src/shape.js';

/** Cache folder of the benchmark. */
export const cache = fileURLToPath(new URL('../../../../.cache/bench-extraction/', import.meta.url));

/** VGG-16 of the paper. */
const vgg16 = architecture({ config: 'D' });

/** Floating-point operations of the dense net up to fc7 on an image of `height` x `width` pixels (a multiply-add is two). */
export const flopsOf = (height: number, width: number): number => {
  let [h, w, sum] = [height, width, 0];
  for (const layer of layersOf(vgg16)) {
    if (layer.kind === 'pool') [h, w] = [h >> 1, w >> 1];
    else if (layer.kind === 'conv') sum += 2 * h * w * layer.inputs * layer.outputs * layer.kernel ** 2;
    else if (layer.kind === 'dense' && layer.name !== 'fc8') {
      [h, w] = [h - layer.kernel + 1, w - layer.kernel + 1];
      sum += 2 * h * w * layer.inputs * layer.outputs * layer.kernel ** 2;
    }
  }
  return sum;
};

/** Path of VGG-16 with uniform weights of He's variance; written on first use. */
export const vgg16File = async (): Promise<string> => {
  const path = join(cache, 'vgg16-random.safetensors');
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const input = { order: 'bgr', scale: 1, mean: [103.939, 116.779, 123.68], std: [1, 1, 1] } as const;
  await saveBackbone(path, { format: 1, architecture: vgg16, input, classes: [] }, (name, shape) => {
    const random = new Random('vgg16', name);
    const count = sizeFromShape(shape);
    const reach = shape.length === 1 ? 0.1 : Math.sqrt((6 * shape[0]!) / count);
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = reach * (random.uint32() / 2 ** 31 - 1);
    return values;
  });
  return path;
};

/** JPEGs of OpenMoji's drawings on coloured backgrounds, 500 x 375 or of mixed sizes; written on first use. */
export const jpegs = async (count: number, mixed = false): Promise<Item[]> => {
  const openmoji = dirname(createRequire(import.meta.url).resolve('openmoji/package.json'));
  const drawings = (await readdir(join(openmoji, 'color', 'svg')))
    .filter((name) => name.endsWith('.svg'))
    .sort();
  const folder = join(cache, mixed ? 'mixed' : 'jpegs');
  await mkdir(folder, { recursive: true });
  const items: Item[] = [];
  for (let i = 0; i < count; i++) {
    const name = `${String(i).padStart(4, '0')}.jpg`;
    const file = join(folder, name);
    if (!existsSync(file)) {
      const random = new Random('jpeg', mixed ? 1 : 0, i);
      const [width, height] = mixed ? [300 + random.below(250), 300 + random.below(250)] : [500, 375];
      const drawing = await readFile(
        join(openmoji, 'color', 'svg', drawings[random.below(drawings.length)]!),
      );
      const side = Math.min(width, height) - 40;
      const background = { r: random.below(256), g: random.below(256), b: random.below(256) };
      const image = sharp({
        create: { width, height, channels: 3, background, noise: { type: 'gaussian', mean: 128, sigma: 30 } },
      }).composite([{ input: await sharp(drawing, { density: 300 }).resize(side, side).png().toBuffer() }]);
      await writeFile(file, await image.jpeg({ quality: 90 }).toBuffer());
    }
    items.push({ id: name, path: name, source: { file }, labels: [] });
  }
  return items;
};
