// Verifies a store: all parts present and intact, all values finite, all norms right.
import { messageOf } from '../../errors.js';
import { rowOf } from '../../matrix.js';
import { type Part, openPart, readDescriptors } from './part.js';
import { type Where, partFiles } from './reader.js';

/** The problems of a store, and what was checked. */
export interface Verification {
  readonly parts: number;
  readonly rows: number;
  readonly skipped: number;
  /** One sentence per problem; empty if there are none. */
  readonly problems: readonly string[];
}

const LENGTH_TOLERANCE = { float32: 1e-5, float16: 2e-3 } as const;

/**
 * Whether values are finite and descriptors have the norm that the recipe gives: 1 for each net and region,
 * or 0.
 */
const checkNumbers = async (part: Part, problems: string[]): Promise<void> => {
  const { recipe, nets } = part.metadata;
  const squared = nets.length * (recipe.region === 'image+box' ? 2 : 1);
  for (const layer of recipe.layers) {
    const columns = part.lengths[layer]!;
    const data = new Float32Array(part.rows * columns);
    await readDescriptors(part, layer, data);
    for (let row = 0; row < part.rows; row++) {
      let sum = 0;
      for (const x of rowOf({ rows: part.rows, columns, data }, row)) sum += x * x;
      const where = `${part.path}: ${layer} of ${part.ids[row]}`;
      if (!Number.isFinite(sum)) problems.push(`${where} has values that are not finite`);
      else if (recipe.descriptorNorm !== 'none' && sum !== 0) {
        const relative = Math.sqrt(sum / squared);
        const whole = Math.abs(relative - 1) <= LENGTH_TOLERANCE[recipe.store];
        // A region or net with all-zero activations adds nothing to the norm.
        if (!whole && squared === 1) problems.push(`${where} has length ${relative.toPrecision(6)}, not 1`);
      }
    }
  }
};

/** Whether the parts match and none is missing. */
const checkPartition = (parts: readonly Part[], problems: string[]): void => {
  const first = parts[0];
  if (!first) return;
  const { metadata } = first;
  for (const part of parts) {
    if (part.metadata.hash !== metadata.hash)
      problems.push(`${part.path} has another recipe or other weights than ${first.path}`);
    else if (part.metadata.list !== metadata.list)
      problems.push(`${part.path} belongs to another list of images than ${first.path}`);
  }
  const there = new Set(parts.map((part) => part.metadata.part));
  const missing = Array.from({ length: metadata.parts }, (_, i) => i).filter((part) => !there.has(part));
  if (missing.length > 0) {
    const shown = missing.slice(0, 10).join(', ') + (missing.length > 10 ? ', …' : '');
    problems.push(`${missing.length} of ${metadata.parts} parts are missing: ${shown}`);
  }
  const images = parts.reduce((sum, part) => sum + part.rows + part.metadata.skipped.length, 0);
  if (missing.length === 0 && images !== metadata.images)
    problems.push(`found ${images} images, expected ${metadata.images}`);
};

/**
 * Reads every part of a store, descriptors included.
 *
 * @param folders the store, or the folders of its shards
 * @param where what named the folders, for messages
 */
export const verifyFeatures = async (
  folders: readonly string[],
  where: Where = 'verifyFeatures',
): Promise<Verification> => {
  const problems: string[] = [];
  const parts: Part[] = [];
  for (const folder of folders) {
    const files = await partFiles(folder, where);
    if (files.length === 0) problems.push(`${folder} holds no descriptors`);
    for (const file of files) {
      try {
        const part = await openPart(file);
        parts.push(part);
        await checkNumbers(part, problems);
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
  }
  checkPartition(parts, problems);
  return {
    parts: parts.length,
    rows: parts.reduce((sum, part) => sum + part.rows, 0),
    skipped: parts.reduce((sum, part) => sum + part.metadata.skipped.length, 0),
    problems,
  };
};
