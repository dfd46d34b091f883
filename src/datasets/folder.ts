// A folder per class: `root/cat/1.jpg` has the class "cat", `root/animals/cat/1.jpg` the class "animals/cat".
import { join, resolve } from 'node:path';
import { UsageError, expected } from '../errors.js';
import { byCode, bySplit } from './common.js';
import type { Dataset, Item } from './dataset.js';
import { layoutOf } from './layout.js';
import { listed } from './listed.js';
import { isImageName, unreadReason } from './names.js';
import { remarksOn } from './remarks.js';
import { isImagesName, splitNameOf } from './split-names.js';
import { readTinyImagenet, tinyImagenetIn } from './tiny-imagenet.js';
import { type PassedOver, type Walk, walkFolder } from './walk.js';

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const COUNT = new Intl.NumberFormat('en');

/** Images by the folder that holds them, and everything else. */
const sortOut = ({ files }: Walk): { images: Map<string, string[]>; others: PassedOver[] } => {
  const images = new Map<string, string[]>();
  const others: PassedOver[] = [];
  for (const path of files) {
    const folder = folderOf(path);
    const list = images.get(folder);
    if (!isImageName(path)) others.push({ path, reason: unreadReason(path) });
    else if (folder === '') others.push({ path, reason: 'lies in no class folder' });
    else if (list) list.push(path);
    else images.set(folder, [path]);
  }
  return { images, others };
};

/** Folders that hold no image, no folder, and nothing that was passed over. */
const emptyFolders = ({ folders, passed }: Walk, images: ReadonlyMap<string, unknown>): string[] => {
  const holding = new Set([...folders, ...passed.map(({ path }) => path)].map(folderOf));
  return folders.filter((folder) => !images.has(folder) && !holding.has(folder));
};

/** Rejects images directly in split folders: they have no class. */
const refuseFlatSplits = (
  root: string,
  folders: readonly string[],
  classes: readonly string[],
  split: boolean,
): void => {
  const areSplits = classes.every((name) => splitNameOf(name)?.rest === '');
  const areLevels = split && classes.every(isImagesName);
  if (!areSplits && !areLevels) return;
  throw expected(
    'a folder for each class',
    join(root, folders[0]!),
    'images directly in it',
    'Put the images of each class into a folder of their own, or list them in a table and read it as csv.',
  );
};

/**
 * Reads a folder of class folders. Class folders may be nested to any depth; the class is the path of the
 * folder that holds the image. Folders named as splits, in any usual word and case, with class folders
 * inside, are the splits `train`, `val` and `test`; otherwise the one split is "all". A level `images` is
 * ignored. Unpacked Tiny ImageNet is recognised.
 *
 * @param root the folder
 * @returns classes and items in code-unit order; ids are paths relative to `root`
 * @throws UsageError when the folder is missing, holds no class folders, or a class folder is empty
 */
export const readFolder = async (root: string): Promise<Dataset> => {
  const absolute = resolve(root);
  if (tinyImagenetIn(absolute)) return readTinyImagenet(absolute);
  const walk = await walkFolder(absolute);
  const { images, others } = sortOut(walk);
  const strays = [...walk.passed, ...others];
  const folders = [...images.keys()].sort(byCode);
  const empty = emptyFolders(walk, images);
  if (folders.length === 0) {
    if (empty.length > 0 && strays.length === 0) refuseEmpty(absolute, empty[0]!, strays);
    throw expected(
      'a folder for each class, with images in it,',
      absolute,
      strays.length === 0 ? 'an empty folder' : `${strays.length} files outside any class folder`,
    );
  }
  const layout = layoutOf(folders);
  const items: [string, Item][] = [];
  for (const folder of folders) {
    const place = layout.get(folder)!;
    const paths = images.get(folder)!;
    if ('reason' in place) {
      const reason = `${COUNT.format(paths.length)} image${paths.length === 1 ? '' : 's'} ${place.reason}`;
      strays.push({ path: folder, reason });
      continue;
    }
    const labels = [place.className];
    for (const path of paths) {
      items.push([place.split, { id: path, path, source: { file: join(absolute, path) }, labels }]);
    }
  }
  const splits = bySplit(items);
  const classes = [...new Set(items.map(([, { labels }]) => labels[0]!))].sort(byCode);
  const isSplit = !Object.hasOwn(splits, 'all');
  refuseFlatSplits(absolute, folders, classes, isSplit);
  const remarks = remarksOn({ classes, splits });
  if (empty.length > 0) {
    if (!isSplit) refuseEmpty(absolute, empty[0]!, strays);
    remarks.push(`No images are in ${listed(empty)}.`);
  }
  return {
    name: 'folder',
    root: absolute,
    classes,
    splits,
    strays: strays.sort((a, b) => byCode(a.path, b.path)),
    ...(remarks.length > 0 && { remarks }),
  };
};

const refuseEmpty = (root: string, folder: string, strays: readonly PassedOver[]): never => {
  const inside = strays.filter(({ path }) => folderOf(path) === folder);
  const [first] = inside;
  const others =
    first && first.reason !== unreadReason('')
      ? ` (${inside.length} other file${inside.length === 1 ? '' : 's'}; ${first.path} is ${first.reason})`
      : '';
  throw new UsageError(
    `Expected images in the class folder ${join(root, folder)} but found none${others}. Remove the folder or add images.`,
  );
};
