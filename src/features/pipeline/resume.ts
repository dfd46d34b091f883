// Decides for a resumed run which parts are still valid and which are computed again.
import pLimit, { type LimitFunction } from 'p-limit';
import type { Item } from '../../datasets/dataset.js';
import { sha256 } from '../../io/files.js';
import { ImageError } from '../../images/image.js';
import { readImageBytes } from '../../images/source.js';
import type { OnProgress } from '../../progress.js';
import { type ImageList, type Shard, inShard, itemsOfPart, partsOfShard } from '../store/list.js';
import type { Part } from '../store/part.js';
import type { Previous } from '../store/previous.js';
import { type PartMetadata, partName } from '../store/store.js';

const HASHES_AT_ONCE = 4;

/**
 * Whether a part's schema matches what would be computed. Parts with skipped images never match, so that
 * these are tried again.
 */
const holds = (part: Part, wanted: PartMetadata, images: number): boolean =>
  part.rows === images &&
  part.metadata.list === wanted.list &&
  part.metadata.engine === wanted.engine &&
  part.metadata.parts === wanted.parts;

const fileHash = async (item: Item): Promise<string | undefined> => {
  try {
    return sha256(await readImageBytes(item.source, item.path));
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
};

/** Whether the images of a part still have the bytes it was made from. */
const unchanged = async (part: Part, items: readonly Item[], limit: LimitFunction): Promise<boolean> => {
  const hashes = await Promise.all(items.map((item) => limit(() => fileHash(item))));
  return hashes.every((hash, i) => hash === part.sha256[i]);
};

/**
 * Finds the parts of a shard to compute, and moves invalid ones out of the way.
 *
 * @param wanted the expected schema of a part without skipped images
 */
export const partsToCompute = async (
  list: ImageList,
  shard: Shard,
  previous: Previous,
  wanted: (part: number) => PartMetadata,
  onProgress?: OnProgress,
  onNotice?: (text: string) => void,
): Promise<number[]> => {
  for (const file of previous.damaged) onNotice?.(`${file} is damaged and is computed again.`);
  const limit = pLimit(HASHES_AT_ONCE);
  const mine = partsOfShard(list, shard);
  const todo: number[] = [];
  const kept = new Set<string>();
  for (const [i, number] of mine.entries()) {
    const metadata = wanted(number);
    const name = partName(metadata.hash, number);
    const part = previous.inPlace.get(name);
    const items = itemsOfPart(list, number);
    const good = part && holds(part, metadata, items.length) && (await unchanged(part, items, limit));
    if (good) kept.add(name);
    else todo.push(number);
    onProgress?.({ task: 'check', done: i + 1, total: mine.length, unit: 'parts' });
  }
  const stale = [...previous.inPlace].filter(
    ([name, part]) => !kept.has(name) && inShard(part.metadata.part, shard),
  );
  const [isForeign, isListed] = [
    (part: Part): boolean => part.metadata.hash !== wanted(0).hash,
    (part: Part): boolean => part.metadata.list === wanted(0).list,
  ];
  const moved = stale.filter(([, part]) => !isForeign(part) && !isListed(part)).length;
  if (moved > 0) onNotice?.(`The images have changed: ${moved} parts are written again.`);
  const foreign = stale.filter(([, part]) => isForeign(part)).length;
  if (foreign > 0) {
    onNotice?.(`The recipe or weights have changed: ${foreign} parts are computed again.`);
  }
  for (const [name] of stale) await previous.setAside(name);
  return todo;
};
