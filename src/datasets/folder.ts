// A folder per class: `root/cat/1.jpg` has the class "cat", `root/animals/cat/1.jpg` the class "animals/cat"; images in no
// class folder have no label.
import { join, resolve } from 'node:path';
import { UsageError, expected } from '../errors.js';
import { byCode, bySplit } from './common.js';
import type { Dataset, Item } from './dataset.js';
import { type Layout, type Place, layoutOf } from './layout.js';
import { listed } from './listed.js';
import { isImageName, unreadReason } from './names.js';
import { remarksOn } from './remarks.js';
import { isImagesName, namesOfSplits, splitNameOf } from './split-names.js';
import { readTinyImagenet, tinyImagenetIn } from './tiny-imagenet.js';
import { type PassedOver, type Walk, walkFolder } from './walk.js';

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const COUNT = new Intl.NumberFormat('en');

/** Images by the folder that holds them, images directly in the root, and everything else. */
const sortOut = ({
  files,
}: Walk): { images: Map<string, string[]>; loose: string[]; others: PassedOver[] } => {
  const images = new Map<string, string[]>();
  const loose: string[] = [];
  const others: PassedOver[] = [];
  for (const path of files) {
    const folder = folderOf(path);
    const list = images.get(folder);
    if (!isImageName(path)) others.push({ path, reason: unreadReason(path) });
    else if (folder === '') loose.push(path);
    else if (list) list.push(path);
    else images.set(folder, [path]);
  }
  return { images, loose, others };
};

/** Folders that hold no image, no folder, and nothing that was passed over. */
const emptyFolders = ({ folders, passed }: Walk, images: ReadonlyMap<string, unknown>): string[] => {
  const holding = new Set([...folders, ...passed.map(({ path }) => path)].map(folderOf));
  return folders.filter((folder) => !images.has(folder) && !holding.has(folder));
};

const UNLABELLED: NonNullable<Dataset['unlabelled']> = {
  reason: 'the images lie in no class folder',
  advice:
    'Put the images of each class into a folder of their own, named after it, or list them in a table and read it as csv.',
};

/** The roles of folders with images, and whether none of them is a class. */
const rolesOf = (folders: readonly string[]): { layout: Layout; flat: boolean } => {
  const layout: Layout = folders.length === 0 ? new Map() : layoutOf(folders);
  const places = [...layout.values()].filter((place) => 'className' in place);
  const names = [...new Set(places.map(({ className }) => className))];
  if (names.every((name) => splitNameOf(name)?.rest === '')) {
    const splits = namesOfSplits(names);
    const inSplit = (place: Place): Place =>
      place.split === 'all' ? { ...place, split: splits.get(place.className)! } : place;
    const roles = [...layout].map(
      ([folder, place]) => [folder, 'className' in place ? inSplit(place) : place] as const,
    );
    return { layout: new Map(roles), flat: true };
  }
  const isLevel = names.length < 2 || places.every(({ split }) => split !== 'all');
  return { layout, flat: isLevel && names.every(isImagesName) };
};

/**
 * Reads a folder of class folders. Class folders may be nested to any depth; the class is the path of the
 * folder that holds the image. Folders named as splits, in any usual word and case, with class folders
 * inside, are the splits `train`, `val` and `test`; otherwise the one split is "all". A level `images` is
 * ignored. Unpacked Tiny ImageNet is recognised.
 *
 * Where there is no class folder, only images in the root or in folders of splits, no image has a label. Images
 * beside class folders are passed over.
 *
 * @param root the folder
 * @returns classes and items in code-unit order; ids are paths relative to `root`
 * @throws UsageError when the folder is missing, holds no images, or a class folder is empty
 */
export const readFolder = async (
  root: string,
  options: { readonly boxes?: boolean } = {},
): Promise<Dataset> => {
  const absolute = resolve(root);
  if (tinyImagenetIn(absolute)) return readTinyImagenet(absolute, options);
  const walk = await walkFolder(absolute);
  const { images, loose, others } = sortOut(walk);
  const strays = [...walk.passed, ...others];
  if (images.size > 0) {
    strays.push(...loose.map((path) => ({ path, reason: 'lies in no class folder, beside others that do' })));
  }
  const folders = [...images.keys()].sort(byCode);
  const empty = emptyFolders(walk, images);
  if (folders.length === 0 && loose.length === 0) {
    if (empty.length > 0 && strays.length === 0) refuseEmpty(absolute, empty[0]!, strays);
    throw expected(
      'images, or a folder of images for each class,',
      absolute,
      strays.length === 0 ? 'an empty folder' : `${strays.length} other files`,
      strays[0] && `${strays[0].path} is ${strays[0].reason}.`,
    );
  }
  const { layout, flat } = rolesOf(folders);
  const items: [string, Item][] = [];
  const add = (split: string, path: string, labels: readonly string[]): void => {
    items.push([split, { id: path, path, source: { file: join(absolute, path) }, labels }]);
  };
  if (folders.length === 0) loose.forEach((path) => add('all', path, []));
  for (const folder of folders) {
    const place = layout.get(folder)!;
    const paths = images.get(folder)!;
    if ('reason' in place) {
      const reason = `${COUNT.format(paths.length)} image${paths.length === 1 ? '' : 's'} ${place.reason}`;
      strays.push({ path: folder, reason });
      continue;
    }
    const labels = flat ? [] : [place.className];
    for (const path of paths) add(place.split, path, labels);
  }
  const splits = bySplit(items);
  const classes = [...new Set(items.flatMap(([, { labels }]) => labels))].sort(byCode);
  const isSplit = !Object.hasOwn(splits, 'all');
  const remarks = remarksOn({ classes, splits });
  if (empty.length > 0) {
    if (!isSplit && !flat) refuseEmpty(absolute, empty[0]!, strays);
    remarks.push(`No images are in ${listed(empty)}.`);
  }
  return {
    name: 'folder',
    root: absolute,
    classes,
    splits,
    ...(flat && { unlabelled: UNLABELLED }),
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
