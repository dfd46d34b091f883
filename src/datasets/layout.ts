// Decides from names and nesting which folders of a data set are splits, classes, or levels without meaning.
import { type SplitKind, isImagesName, isUnlabelledName, namesOfSplits, splitNameOf } from './split-names.js';

/** The role of a folder with images. */
export interface Place {
  readonly split: string;
  readonly className: string;
}

/** The role of each folder; a reason if its images belong to no class. */
export type Layout = ReadonlyMap<string, Place | { readonly reason: string }>;

type Path = readonly string[];

const pathOf = (folder: string): Path => folder.split('/');

/** Values by key, in the order in which the keys come. */
const grouped = <T>(values: Iterable<T>, key: (value: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group) group.push(value);
    else groups.set(key(value), [value]);
  }
  return groups;
};

/** Whether half of the names of the smaller of two sets are in the other. */
const overlap = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => {
  const shared = [...a].filter((name) => b.has(name)).length;
  return shared > 0 && 2 * shared >= Math.min(a.size, b.size);
};

/**
 * The folders at `depth` that are splits, with their kinds; undefined where they are none. All are splits where all are
 * named so and hold folders. Beside others, they are where several hold the same classes, or the others are named as
 * having no labels.
 */
const splitsAt = (paths: readonly Path[], depth: number): Map<string, SplitKind> | undefined => {
  const tops = [...grouped(paths, (path) => path[depth]!)].map(([name, inside]) => ({
    name,
    split: splitNameOf(name),
    classes: new Set(inside.filter((path) => path.length > depth + 1).map((path) => path[depth + 1]!)),
  }));
  const plain = tops.filter(({ split }) => split?.rest === '');
  // "seg_train" and "seg_test": what stands beside the split's word must be the same in both.
  const likewise = [...grouped(tops, ({ split }) => split?.rest ?? '').entries()]
    .filter(([rest]) => rest !== '')
    .map(([, group]) => group)
    .find((group) => new Set(group.map(({ split }) => split?.kind)).size > 1);
  const named = plain.length > 0 ? plain : (likewise ?? []);
  const nested = named.filter(({ classes }) => classes.size > 0);
  if (nested.length === 0) return undefined;
  const others = tops.filter((top) => !named.includes(top));
  const train = nested.find(({ split }) => split!.kind === 'train' || split!.kind === 'trainval');
  const isSure =
    others.length === 0 ||
    (train !== undefined &&
      (others.every(({ name, classes }) => classes.size === 0 && isUnlabelledName(name)) ||
        nested.some((top) => top !== train && overlap(top.classes, train.classes))));
  return isSure ? new Map(named.map(({ name, split }) => [name, split!.kind])) : undefined;
};

/** Drops first levels that all paths share and that say nothing: "images", and a split's name once more. */
const withoutShared = (paths: readonly Path[], saysNothing: (name: string) => boolean): Path[] => {
  const [first] = paths;
  const name = first?.[0];
  if (name === undefined || !saysNothing(name)) return [...paths];
  if (!paths.every((path) => path.length > 1 && path[0] === name)) return [...paths];
  return withoutShared(
    paths.map((path) => path.slice(1)),
    saysNothing,
  );
};

/** Drops a last level "images" where it is the one folder of its class. */
const withoutImages = (paths: readonly Path[]): Path[] => {
  const inner = grouped(
    paths.filter((path) => path.length > 1),
    (path) => path.slice(0, -1).join('/'),
  );
  return paths.map((path) => {
    const above = path.slice(0, -1);
    const isLevel =
      above.length > 0 && isImagesName(path.at(-1)!) && inner.get(above.join('/'))!.length === 1;
    return isLevel ? above : path;
  });
};

/** Class names of folders, in their order, given their paths below the split. */
const classNames = (paths: readonly Path[], saysNothing: (name: string) => boolean): string[] =>
  withoutImages(withoutShared(paths, saysNothing)).map((path) => path.join('/'));

/** One split "all": the classes are the folders. */
const unsplit = (folders: readonly string[]): Layout => {
  const names = classNames(folders.map(pathOf), isImagesName);
  return new Map(folders.map((folder, i) => [folder, { split: 'all', className: names[i]! }]));
};

/** Splits below the classes, "cat/train/1.jpg": each path has one level that is named as a split. */
const splitBelow = (folders: readonly string[]): Layout | undefined => {
  const paths = folders.map(pathOf);
  const isSplit = (name: string): boolean => splitNameOf(name)?.rest === '';
  const levels = paths.map((path) => path.findIndex(isSplit));
  const kinds = new Map(
    paths.map((path, i) => [path[levels[i]!] ?? '', splitNameOf(path[levels[i]!] ?? '')?.kind]),
  );
  const isSure =
    paths.every((path, i) => levels[i]! > 0 && path.filter(isSplit).length === 1) &&
    [...kinds.values()].includes('train');
  if (!isSure) return undefined;
  const names = namesOfSplits(kinds.keys());
  const classes = withoutImages(paths.map((path, i) => path.toSpliced(levels[i]!, 1)));
  return new Map(
    folders.map((folder, i) => [
      folder,
      { split: names.get(paths[i]![levels[i]!]!)!, className: classes[i]!.join('/') },
    ]),
  );
};

/**
 * Reads a layout.
 *
 * @param folders the folders that hold images, relative to the root; not the root itself
 */
export const layoutOf = (folders: readonly string[]): Layout => {
  const paths = folders.map(pathOf);
  let depth = 0;
  let splits = splitsAt(paths, 0);
  // A folder around everything else: "dataset/train/cat".
  while (!splits && paths.every((path) => path.length > depth + 1 && path[depth] === paths[0]![depth])) {
    depth++;
    splits = splitsAt(paths, depth);
  }
  if (!splits) return splitBelow(folders) ?? unsplit(folders);
  // What stands beside the split's word ("seg_train") says nothing once the folders are known to be splits.
  const plain = namesOfSplits(splits.keys());
  const isPlain = [...splits.keys()].every((top) => splitNameOf(top)?.rest === '');
  const names: ReadonlyMap<string, string> = isPlain ? plain : splits;
  const layout = new Map<string, Place | { reason: string }>();
  for (const [top, inside] of grouped(folders, (folder) => pathOf(folder)[depth]!)) {
    const split = names.get(top);
    const deep = inside.filter((folder) => pathOf(folder).length > depth + 1);
    const isAgain = (name: string): boolean =>
      isImagesName(name) || splitNameOf(name)?.kind === splits.get(top);
    const classes = classNames(
      deep.map((folder) => pathOf(folder).slice(depth + 1)),
      isAgain,
    );
    const named = new Map(deep.map((folder, i) => [folder, classes[i]!]));
    for (const folder of inside) {
      const className = named.get(folder);
      if (split === undefined) layout.set(folder, { reason: 'beside the splits' });
      else if (className === undefined) layout.set(folder, { reason: 'in no class folder' });
      else layout.set(folder, { split, className });
    }
  }
  return layout;
};
