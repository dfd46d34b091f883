// A folder per class: `root/cat/1.jpg` has the class "cat", `root/animals/cat/1.jpg` the class "animals/cat".
import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UsageError, expected, messageOf } from '../errors.js';
import { byCode, bySplit, entriesOf, isImageName, requireFolder } from './common.js';
import type { Dataset, Item } from './dataset.js';

const SPLITS = ['train', 'val', 'test'];

interface Found {
  readonly items: Item[];
  readonly strays: { path: string; reason: string }[];
}

/** Files that systems and archivers leave behind: passed over without a word. */
const isHidden = (name: string): boolean =>
  name.startsWith('.') || name === 'Thumbs.db' || name === '__MACOSX';

/** Gathers the images under `root/path`; `above` are the real paths of the folders on the way, to notice loops. */
const walk = async (root: string, path: string, above: readonly string[], found: Found): Promise<number> => {
  const folder = join(root, path);
  const real = await realpath(folder);
  if (above.includes(real)) {
    found.strays.push({ path, reason: 'a link to a folder that contains it' });
    return 0;
  }
  let images = 0;
  let folders = 0;
  for (const entry of await entriesOf(folder)) {
    if (isHidden(entry.name)) continue;
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    let kind: { isDirectory(): boolean; isFile(): boolean } = entry;
    if (entry.isSymbolicLink()) {
      try {
        kind = await stat(join(folder, entry.name));
      } catch (error) {
        found.strays.push({ path: inner, reason: `a link that leads nowhere (${messageOf(error)})` });
        continue;
      }
    }
    if (kind.isDirectory()) {
      folders++;
      images += await walk(root, inner, [...above, real], found);
    } else if (!kind.isFile() || !isImageName(entry.name)) {
      found.strays.push({ path: inner, reason: 'not an image type that is read' });
    } else if (path === '') {
      found.strays.push({ path: inner, reason: 'lies in no class folder' });
    } else {
      images++;
      const source = { file: join(folder, entry.name) };
      found.items.push({ id: inner, path: inner, source, labels: [path] });
    }
  }
  if (images === 0 && folders === 0 && path !== '') {
    throw new UsageError(
      `Expected images in the class folder ${folder} but found none. Remove the folder or add images.`,
    );
  }
  return images;
};

/**
 * Reads a folder of class folders. Class folders may be nested to any depth; the class is the path of the folder that
 * holds the image. Where the root holds nothing but `train`, `val` and `test` (two of them at least), with class folders
 * inside, these are the splits; otherwise the one split is "all".
 *
 * @param root the folder
 * @returns classes and items in code-unit order; ids are paths relative to `root`
 * @throws UsageError when the folder is missing, holds no class folders, or a class folder is empty
 */
export const readFolder = async (root: string): Promise<Dataset> => {
  const absolute = resolve(root);
  await requireFolder(absolute);
  const found: Found = { items: [], strays: [] };
  await walk(absolute, '', [], found);
  if (found.items.length === 0) {
    throw expected(
      'a folder for each class, with images in it,',
      absolute,
      found.strays.length === 0 ? 'an empty folder' : `${found.strays.length} files outside any class folder`,
    );
  }
  const tops = new Map<string, boolean>(); // top folder -> whether all its images lie in a folder below it
  for (const { labels } of found.items) {
    const [top = '', ...below] = labels[0]!.split('/');
    tops.set(top, (tops.get(top) ?? true) && below.length > 0);
  }
  const areSplits = tops.size > 1 && [...tops].every(([top, nested]) => nested && SPLITS.includes(top));
  const items = found.items.map((item): [string, Item] => {
    const path = item.labels[0]!;
    const cut = areSplits ? path.indexOf('/') : -1;
    return [areSplits ? path.slice(0, cut) : 'all', { ...item, labels: [path.slice(cut + 1)] }];
  });
  return {
    name: 'folder',
    root: absolute,
    classes: [...new Set(items.map(([, { labels }]) => labels[0]!))].sort(byCode),
    splits: bySplit(items),
    strays: found.strays,
  };
};
