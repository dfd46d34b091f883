// Reads Tiny ImageNet, as published or sorted into class folders: 200 classes, 64 x 64 pixels, a box for each image.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expected } from '../errors.js';
import type { OnProgress } from '../progress.js';
import { type Tree, type TreePlan, openTree, textOf } from './archives/tree.js';
import { byCode, bySplit } from './common.js';
import { boxOfCorners } from './corners.js';
import type { Box, Dataset, ImageSource, Item } from './dataset.js';
import { isImageName, unreadReason } from './names.js';
import { remarksOn } from './remarks.js';
import type { PassedOver } from './walk.js';

const ANNOTATIONS = 'val/val_annotations.txt';
const TOP = 'tiny-imagenet-200';
const WNID = /^n\d{8}$/;

const plan: TreePlan = {
  top: TOP,
  within: ['', TOP, 'tiny-imagenet'],
  archives: [{ file: `${TOP}.zip` }],
  oneArchive: true,
  sign: ['wnids.txt', ANNOTATIONS],
};

/** Whether a folder is or contains unpacked Tiny ImageNet. */
export const tinyImagenetIn = (root: string): boolean =>
  ['.', TOP].some(
    (folder) =>
      plan.sign!.some((name) => existsSync(join(root, folder, name))) &&
      ['train', 'val'].some((split) => existsSync(join(root, folder, split))),
  );

/** The non-empty lines of a file, with their numbers from 1. */
const linesOf = (text: string): [content: string, line: number][] =>
  text
    .split(/\r?\n/)
    .map((content, i): [string, number] => [content, i + 1])
    .filter(([content]) => content.trim() !== '');

/** Class names from `words.txt`: WNID, tab, name. Equal names get their WNID appended. */
const namesOf = async (tree: Tree, wnids: readonly string[]): Promise<Map<string, string>> => {
  const words = new Map<string, string>();
  const wanted = new Set(wnids);
  for (const [content] of linesOf((await textOf(tree, 'words.txt')) ?? '')) {
    const [, wnid = '', name = ''] = /^(\S+)\s+(.+?)\s*$/.exec(content) ?? [];
    if (wanted.has(wnid)) words.set(wnid, name);
  }
  const uses = new Map<string, number>();
  for (const name of words.values()) uses.set(name, (uses.get(name) ?? 0) + 1);
  return new Map(
    wnids.map((wnid) => {
      const name = words.get(wnid);
      return [wnid, name === undefined ? wnid : uses.get(name)! > 1 ? `${name} (${wnid})` : name];
    }),
  );
};

/** A row of an image: its box, and its class if the file has that column. */
interface Row {
  readonly wnid?: string;
  readonly box: Box;
  readonly line: number;
}

/**
 * Reads rows of an image name, a WNID (validation only) and four corners, 0-based and inclusive.
 *
 * @throws UsageError naming file and line
 */
const readRows = async (
  tree: Tree,
  path: string,
  hasClass: boolean,
): Promise<Map<string, Row> | undefined> => {
  const text = await textOf(tree, path);
  if (text === undefined) return undefined;
  return new Map(
    linesOf(text).map(([content, line]): [string, Row] => {
      const [name = '', ...rest] = content.trim().split(/\s+/);
      const wnid = hasClass ? rest.shift() : undefined;
      const where = `${tree.where(path)} line ${line}`;
      if (rest.length !== 4 || (hasClass && !WNID.test(wnid ?? ''))) {
        throw expected(`an image, ${hasClass ? 'a WNID ' : ''}and the corners of a box`, where, content);
      }
      const box = boxOfCorners(rest, where);
      return [name, { box, line, ...(wnid !== undefined && { wnid }) }];
    }),
  );
};

/** The rows of a table whose image is not there. */
const withoutImage = (
  table: string,
  rows: ReadonlyMap<string, Row>,
  isThere: (name: string) => boolean,
): PassedOver[] =>
  [...rows].flatMap(([name, { line }]) =>
    isThere(name)
      ? []
      : [{ path: `${table} line ${line}`, reason: `the annotation of an image that is not there, ${name}` }],
  );

/** The images in a folder and its subfolder `images`, with their paths. */
const imagesOf = async (
  tree: Tree,
  folder: string,
  strays: PassedOver[],
): Promise<[string, string, ImageSource][]> => {
  const found: [path: string, name: string, source: ImageSource][] = [];
  for (const place of [folder, `${folder}/images`]) {
    for (const [name, source] of await tree.files(place)) {
      const path = `${place}/${name}`;
      if (isImageName(name)) found.push([path, name, source]);
      else if (!/(_boxes|_annotations)\.txt$/.test(name)) strays.push({ path, reason: unreadReason(name) });
    }
  }
  return found;
};

/**
 * Reads Tiny ImageNet.
 *
 * - Training images: `train/<wnid>/images/` or `train/<wnid>/`.
 * - Validation images: flat in `val/images/` with `val_annotations.txt`, or in class folders.
 * - Test images: no labels.
 *
 * Classes are in the order of their WNIDs, with names from `words.txt` if it is there.
 *
 * @param root the folder `tiny-imagenet-200`, or the folder that contains it or its archive
 * @throws UsageError if there are no images, or naming file and line of a malformed row or of a class without training
 *   images
 */
export const readTinyImagenet = async (
  root: string,
  options: { cache?: string; onProgress?: OnProgress; boxes?: boolean } = {},
): Promise<Dataset> => {
  const tree = await openTree(root, plan, options);
  const strays: PassedOver[] = [];
  const found: [
    split: string,
    wnid: string | undefined,
    path: string,
    source: ImageSource,
    box: Box | undefined,
  ][] = [];
  const annotations = await readRows(tree, ANNOTATIONS, true);
  for (const split of ['train', 'val', 'test']) {
    for (const folder of await tree.folders(split)) {
      if (!WNID.test(folder)) {
        if (folder !== 'images')
          strays.push({ path: `${split}/${folder}`, reason: 'not a folder of a class' });
        continue;
      }
      const table = `${split}/${folder}/${folder}_boxes.txt`;
      const own = await readRows(tree, table, false);
      const boxes = own ?? annotations;
      const images = await imagesOf(tree, `${split}/${folder}`, strays);
      for (const [path, name, source] of images) {
        found.push([split, folder, path, source, boxes?.get(name)?.box]);
      }
      if (options.boxes && own) {
        const present = new Set(images.map(([, name]) => name));
        strays.push(...withoutImage(table, own, (name) => present.has(name)));
      }
    }
    const flat = await imagesOf(tree, split, strays);
    if (split === 'val' && flat.length > 0 && !annotations) {
      throw expected('the classes of the validation images', tree.where(ANNOTATIONS), 'no such file');
    }
    for (const [path, name, source] of flat) {
      const row = split === 'val' ? annotations?.get(name) : undefined;
      if (split === 'test') found.push([split, undefined, path, source, undefined]);
      else if (row) found.push([split, row.wnid, path, source, row.box]);
      else {
        const reason = split === 'val' ? `not in ${ANNOTATIONS}` : 'lies in no class folder';
        strays.push({ path, reason });
      }
    }
  }
  if (options.boxes && annotations) {
    const present = new Set(found.map(([, , path]) => path.slice(path.lastIndexOf('/') + 1)));
    strays.push(...withoutImage(ANNOTATIONS, annotations, (name) => present.has(name)));
  }
  if (!found.some(([split]) => split !== 'test')) {
    throw expected('images in train/<wnid>/images or val/images', tree.where(''), 'none');
  }
  const listed = linesOf((await textOf(tree, 'wnids.txt')) ?? '').map(([content]) => content.trim());
  const wnids = [...new Set([...listed, ...found.flatMap(([, wnid]) => wnid ?? [])])].sort(byCode);
  const names = await namesOf(tree, wnids);
  const labels = new Map(wnids.map((wnid) => [wnid, [names.get(wnid)!]])); // One array per class, shared by its images.
  const items = found.map(([split, wnid, path, source, box]): [string, Item] => [
    split,
    {
      ...{ id: path, path, source, labels: wnid === undefined ? [] : labels.get(wnid)! },
      ...(box && { box }),
      ...(options.boxes && box && wnid !== undefined && { boxes: [{ label: names.get(wnid)!, box }] }),
    },
  ]);
  const classes = wnids.map((wnid) => names.get(wnid)!);
  const splits = bySplit(items);
  const remarks = remarksOn({ classes, splits });
  return {
    name: 'tiny-imagenet',
    root: tree.root,
    classes,
    splits,
    strays: [...strays, ...(await tree.passedOver())].sort((a, b) => byCode(a.path, b.path)),
    ...(remarks.length > 0 && { remarks }),
  };
};
