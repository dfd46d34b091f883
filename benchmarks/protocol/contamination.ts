// Overlap of training and test images: the same id is refused, the same file is counted.
import type { Item } from '../../src/datasets/dataset.js';
import { UsageError } from '../../src/errors.js';
import type { Descriptors } from './descriptors.js';

/** A training and a test image with the same bytes. */
export interface Duplicate {
  readonly train: string;
  readonly test: string;
  /** Whether both carry the same labels. */
  readonly sameLabels: boolean;
}

/** An image's id without the number of a person in it: persons of one image share its pixels. */
const imageId = (id: string): string => id.replace(/#\d+$/, '');

/**
 * Refuses a split in which an image both trains and tests.
 *
 * @throws UsageError naming the images
 */
export const refuseSharedIds = (train: readonly Item[], test: readonly Item[], split: string): void => {
  const trained = new Set(train.map(({ id }) => imageId(id)));
  const shared = [...new Set(test.map(({ id }) => imageId(id)))].filter((id) => trained.has(id));
  if (shared.length === 0) return;
  throw new UsageError(
    `Expected test images that are not in the training set but ${shared.length} of ${split} are in both ` +
      `(${shared.slice(0, 5).join(', ')}${shared.length > 5 ? ', …' : ''}). Correct the lists of images of the data set.`,
  );
};

/** Test images whose file has the same SHA-256 as a training image's; one pair a test image. */
export const duplicatesOf = (
  train: readonly Item[],
  test: readonly Item[],
  descriptors: Pick<Descriptors, 'sha256'>,
): Duplicate[] => {
  const trained = new Map<string, Item>();
  for (const item of train) {
    const hash = descriptors.sha256(item.id);
    if (hash && !trained.has(hash)) trained.set(hash, item);
  }
  return test.flatMap((item) => {
    const twin = trained.get(descriptors.sha256(item.id) ?? '');
    if (!twin) return [];
    const sameLabels = JSON.stringify(twin.labels) === JSON.stringify(item.labels);
    return [{ train: twin.path, test: item.path, sameLabels }];
  });
};
