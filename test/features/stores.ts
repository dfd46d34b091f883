// What tests of the store share: rows of random descriptors, and folders of them.
import { PART_SIZE, type PartMetadata, type DescribedImage } from '../../src/features/store/store.js';
import { resolveRecipe } from '../../src/features/recipe/recipe.js';
import { writePart } from '../../src/features/store/writer.js';
import { Random } from '../../src/random.js';

/** Numbers of a descriptor of the two layers. */
export const lengths = { fc7: 5, 'conv5:linear': 3 };

export const metadata = (part: number, change: Partial<PartMetadata> = {}): PartMetadata => ({
  format: 1,
  recipe: resolveRecipe({ layers: ['fc7', 'conv5:linear'] }, 224),
  nets: [{ sha256: 'ab', config: 'D' }],
  hash: '0123456789abcdef',
  engine: 'onnxruntime cpu',
  list: 'list',
  images: 20,
  part,
  parts: 2,
  skipped: [],
  ...change,
});

/** Rows with awkward names, 0 to 2 labels, and normalised descriptors with some zeros. */
export const rows = (count: number, start = 0): DescribedImage[] =>
  Array.from({ length: count }, (_, i) => {
    const random = new Random('row', start + i);
    const vector = (n: number): Float32Array => {
      const values = Float32Array.from({ length: n }, (_, k) => (k === i % 4 ? 0 : random.normal()));
      const length = Math.hypot(...values);
      return values.map((x) => x / length);
    };
    return {
      id: `image ${start + i}\n“é”`,
      path: `a/b,c/"${start + i}".jpg`,
      sha256: String(start + i).padStart(64, '0'),
      labels: Array.from({ length: i % 3 }, (_, k) => `class ${k}`),
      width: 10 + i,
      height: 20 + i,
      descriptors: { fc7: vector(5), 'conv5:linear': vector(3) },
    };
  });

/** Writes a whole store. */
export const writeStore = async (
  folder: string,
  count: number,
  change: Partial<PartMetadata> = {},
  parts?: readonly number[],
): Promise<void> => {
  const total = Math.ceil(count / PART_SIZE);
  for (let part = 0; part < total; part++) {
    if (parts && !parts.includes(part)) continue;
    const size = Math.min(PART_SIZE, count - part * PART_SIZE);
    const facts = metadata(part, { images: count, parts: total, ...change });
    await writePart(folder, facts, rows(size, part * PART_SIZE), lengths);
  }
};
