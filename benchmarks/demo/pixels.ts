// Raw pixels as descriptors: the baseline, in an ordinary feature store.
import { mkdir, rm } from 'node:fs/promises';
import { usableCores } from '../../src/cores.js';
import type { Item } from '../../src/datasets/dataset.js';
import { sha256, sha256OfFile } from '../../src/io/files.js';
import { type NetIdentity, type Recipe, recipeHash } from '../../src/features/recipe/recipe.js';
import { PART_SIZE, type DescribedImage, STORE_FORMAT, partCount } from '../../src/features/store/store.js';
import { writePart } from '../../src/features/store/writer.js';
import { loadImage } from '../../src/images/decode.js';
import { resizeTo } from '../../src/images/resize.js';

const LAYER = 'pixels';

/** Used instead of the name of a net's weights. */
const NO_NET: NetIdentity = { sha256: sha256('raw pixels'), config: 'raw pixels' };

/** Pixels of a square image at `side`, centred on grey, of length 1. */
export const pixelsOf = (data: Uint8Array): Float32Array => {
  const descriptor = Float32Array.from(data, (value) => value - 127.5);
  const length = Math.hypot(...descriptor) || 1;
  return descriptor.map((value) => value / length);
};

const describe = async (item: Item, side: number): Promise<DescribedImage> => {
  const image = await loadImage(item.source, item.path);
  const { data } = await resizeTo(image, side, side, 'lanczos3');
  return {
    id: item.id,
    path: item.path,
    sha256: await sha256OfFile(item.source.file),
    labels: item.labels,
    width: image.width,
    height: image.height,
    descriptors: { [LAYER]: pixelsOf(data) },
  };
};

/** Writes the pixels of all images, each resized to `side` x `side`, as a feature store into `out`. */
export const writePixels = async (items: readonly Item[], side: number, out: string): Promise<void> => {
  const recipe: Recipe = {
    layers: [LAYER],
    scales: [side],
    aggregate: 'average',
    flip: false,
    descriptorNorm: 'l2',
    region: 'image',
    crops: 1,
    interpolation: 'lanczos3',
    orient: false,
    precision: 'fp32',
    store: 'float32',
  };
  const common = {
    format: STORE_FORMAT,
    recipe,
    nets: [NO_NET],
    hash: recipeHash(recipe, [NO_NET]),
    engine: 'none',
    list: sha256(items.map(({ id }) => id).join('\n')),
    images: items.length,
    parts: partCount(items.length),
    skipped: [],
  };
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  let next = 0;
  const work = async (): Promise<void> => {
    for (let part = next++; part < common.parts; part = next++) {
      const members = items.slice(part * PART_SIZE, (part + 1) * PART_SIZE);
      const rows: DescribedImage[] = [];
      for (const item of members) rows.push(await describe(item, side));
      await writePart(out, { ...common, part }, rows, { [LAYER]: 3 * side * side });
    }
  };
  await Promise.all(Array.from({ length: 2 * usableCores() }, work));
};
