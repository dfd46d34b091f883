// Assembles a part of the store: its schema, rows and skipped images.
import type { Item } from '../../datasets/dataset.js';
import type { Outcome } from './image.js';
import { type ImageList, boxNumbers, usesBoxes } from '../store/list.js';
import type { Plan } from './plan.js';
import { type PartMetadata, type DescribedImage, STORE_FORMAT } from '../store/store.js';

/** The schema of a part in which no image is skipped. */
export const partMetadata = (plan: Plan, list: ImageList, part: number): PartMetadata => ({
  format: STORE_FORMAT,
  recipe: plan.recipe,
  nets: plan.nets,
  hash: plan.hash,
  engine: plan.engine,
  list: list.hash,
  images: list.items.length,
  part,
  parts: list.parts,
  skipped: [],
});

/**
 * A part's schema and rows.
 *
 * @param outcomes results of the first `outcomes.length` items
 */
export const assemblePart = (
  plan: Plan,
  metadata: PartMetadata,
  items: readonly Item[],
  outcomes: readonly Outcome[],
): { metadata: PartMetadata; rows: DescribedImage[] } => {
  const rows: DescribedImage[] = [];
  const skipped: PartMetadata['skipped'][number][] = [];
  const boxes: (number[] | null)[] = [];
  outcomes.forEach((outcome, i) => {
    const item = items[i]!;
    const { id, path, labels } = item;
    if (outcome.kind === 'skipped') {
      const { reason, sha256 } = outcome;
      skipped.push({ id, path, reason, ...(sha256 === undefined ? {} : { sha256 }) });
      return;
    }
    const { sha256, width, height } = outcome;
    const descriptors = Object.fromEntries(
      plan.recipe.layers.map((layer, k) => [layer, outcome.descriptors[k]!]),
    );
    boxes.push(boxNumbers(item));
    rows.push({ id, path, labels, sha256, width, height, descriptors });
  });
  return { metadata: { ...metadata, skipped, ...(usesBoxes(plan.recipe) ? { boxes } : {}) }, rows };
};
