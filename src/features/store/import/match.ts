// Finds the image that each row of a foreign file is of: by the image's id, its path, or its file name.
import type { Item } from '../../../datasets/dataset.js';

/** The rules, the strictest first. */
export const matchRules = ['id', 'path', 'stem'] as const;
export type MatchRule = (typeof matchRules)[number];

type Named = Pick<Item, 'id' | 'path'>;

/** What matching found. */
export interface Matching {
  readonly rule: MatchRule;
  /** For each row the index of its image, or -1. */
  readonly images: Int32Array;
  /** Rows that have an image. */
  readonly matched: number;
}

/** A path with `/` between its folders, without `./` before it. */
const plain = (path: string): string => path.replaceAll('\\', '/').replace(/^(\.?\/)+/, '');

const EXTENSION = /\.(jpe?g|png|webp|gif|tiff?|bmp|avif|heic|ppm|pgm|npy|pt)$/i;
const bare = (path: string): string => path.replace(EXTENSION, '');
const stem = (path: string): string => bare(path.slice(path.lastIndexOf('/') + 1));

/** The parts of a path from each of its folders on, the longest first: a/b/c, b/c, c. */
const endings = (path: string): string[] => {
  const parts = path.split('/');
  return parts.map((_, i) => parts.slice(i).join('/'));
};

const NONE = -1;
const SEVERAL = -2;

/** Images by a name; a name of several images is marked. */
const indexBy = (
  images: readonly Named[],
  namesOf: (image: Named) => readonly string[],
): ReadonlyMap<string, number> => {
  const index = new Map<string, number>();
  images.forEach((image, i) => {
    for (const name of new Set(namesOf(image))) {
      const there = index.get(name);
      index.set(name, there === undefined || there === i ? i : SEVERAL);
    }
  });
  return index;
};

type Lookup = (id: string) => number;

/** The first of some names that is of one image. */
const firstOf =
  (index: ReadonlyMap<string, number>, namesOf: (id: string) => readonly string[]): Lookup =>
  (id) => {
    for (const name of namesOf(id)) {
      const found = index.get(name);
      if (found !== undefined && found >= 0) return found;
    }
    return NONE;
  };

/** One path may begin further up than the other; extensions may be left out. */
const byPath = (images: readonly Named[]): Lookup => {
  const named = (path: string): string[] => [path, bare(path)];
  const whole = indexBy(images, ({ id, path }) => [...named(plain(path)), ...named(plain(id))]);
  const ends = indexBy(images, ({ path }) => endings(plain(path)).slice(1, -1).flatMap(named));
  const exact = firstOf(whole, (id) => named(plain(id)));
  const longer = firstOf(whole, (id) => endings(plain(id)).slice(1, -1).flatMap(named));
  const inner = firstOf(whole, (id) => endings(plain(id)).slice(-1).flatMap(named));
  const shorter = firstOf(ends, (id) => named(plain(id)));
  // A file name alone is a whole path only in a flat folder: it says nothing of images in folders.
  const flat = images.every(({ path }) => !plain(path).includes('/'));
  return (id) => {
    for (const look of [exact, longer, shorter, ...(flat ? [inner] : [])]) {
      const found = look(id);
      if (found >= 0) return found;
    }
    return NONE;
  };
};

const lookups: Readonly<Record<MatchRule, (images: readonly Named[]) => Lookup>> = {
  id: (images) =>
    firstOf(
      indexBy(images, ({ id }) => [id]),
      (id) => [id],
    ),
  path: byPath,
  stem: (images) =>
    firstOf(
      indexBy(images, ({ path }) => [stem(plain(path))]),
      (id) => [stem(plain(id))],
    ),
};

const matchBy = (rule: MatchRule, ids: readonly string[], images: readonly Named[]): Matching => {
  const look = lookups[rule](images);
  const found = Int32Array.from(ids, look);
  return { rule, images: found, matched: found.reduce((sum, image) => sum + Number(image >= 0), 0) };
};

/** Matches rows to images by one rule for all: the one asked for, else that which finds the most, of equals the strictest. */
export const matchRows = (ids: readonly string[], images: readonly Named[], asked?: MatchRule): Matching => {
  if (asked !== undefined) return matchBy(asked, ids, images);
  let best: Matching | undefined;
  for (const rule of matchRules) {
    const found = matchBy(rule, ids, images);
    if (!best || found.matched > best.matched) best = found;
    if (best.matched === ids.length) break;
  }
  return best!;
};
