// ILSVRC's boxes: XML in folders or in the original archives, or Kaggle's tables.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../errors.js';
import { stemOf, annotatedBoxes } from './annotated-boxes.js';
import { type RepackOptions, isCompressed, repack } from './archives/repack.js';
import { cachedIndex } from './archives/tar-cache.js';
import { readSlice } from './archives/tree.js';
import { inBlocks } from './common.js';
import type { ImageSource, Item, LabelledBox } from './dataset.js';
import { readSolution } from './imagenet-kaggle.js';
import { type PassedOver, listFolder, walkFolder } from './walk.js';

/** ILSVRC counts pixels from 0. */
const FIRST_PIXEL = 0;
/** Folders that may hold a split's XML, `$` for its name; unpacked archives may also lie together, or beside the images. */
const FOLDERS = [
  ...['Annotation/$', 'Annotations/$', 'bbox/$', 'bbox_$', 'ILSVRC2012_bbox_$'],
  ...['ILSVRC/Annotations/CLS-LOC/$', 'Annotations/CLS-LOC/$', '../../Annotations/CLS-LOC/$'],
  ...['Annotation', 'Annotations', 'bbox'],
];
const BESIDE_IMAGES: Readonly<Record<string, readonly string[]>> = { val: ['val'] };
const ARCHIVE = /^ILSVRC2012_bbox_(train|val)(?:_.*)?\.(tar|tar\.gz|tgz)$/;
/** Names of validation images in ILSVRC's own form. */
const VALIDATION = /^ILSVRC2012_val_\d+$/;

/** Whether a file is XML of an image of the split; in a folder of both splits only names tell. */
const isXmlOf = (split: string, path: string, isShared: boolean): boolean => {
  const isValidation = VALIDATION.test(basename(path, '.xml'));
  return path.endsWith('.xml') && (split === 'val' ? isValidation || !isShared : !isValidation);
};

/** Boxes of a split by the name of the image without ending. */
interface SplitBoxes {
  readonly names: Iterable<string>;
  /** Where an image's boxes are, for messages. */
  whereOf(name: string): string;
  boxesOf(name: string, path: string): Promise<readonly LabelledBox[]> | readonly LabelledBox[] | undefined;
}

const ofXml = (files: ReadonlyMap<string, { source: ImageSource; where: string }>): SplitBoxes => ({
  names: files.keys(),
  whereOf: (name) => files.get(name)!.where,
  boxesOf: (name, path) => {
    const file = files.get(name);
    return (
      file &&
      readSlice(file.source).then((bytes) =>
        annotatedBoxes(bytes.toString('utf8'), file.where, path, FIRST_PIXEL),
      )
    );
  },
});

/** The XML of a split in a folder; undefined if there is none. */
const inFolder = async (
  folder: string,
  split: string,
  isShared: boolean,
): Promise<SplitBoxes | undefined> => {
  const xml = (await walkFolder(folder)).files.filter((path) => isXmlOf(split, path, isShared));
  if (xml.length === 0) return undefined;
  return ofXml(
    new Map(
      xml.map((path) => [
        basename(path, '.xml'),
        { source: { file: join(folder, path) }, where: join(folder, path) },
      ]),
    ),
  );
};

const inArchives = async (
  archives: readonly string[],
  split: string,
  options: RepackOptions,
): Promise<SplitBoxes> => {
  const found = new Map<string, { source: ImageSource; where: string }>();
  for (const archive of archives) {
    const tar = isCompressed(archive) ? await repack(archive, options) : archive;
    for (const { path, offset, length } of (await cachedIndex(tar, options.cache)).entries) {
      if (!isXmlOf(split, path, false)) continue;
      const source = { file: tar, slice: { offset, length } };
      found.set(basename(path, '.xml'), { source, where: `${path} in ${archive}` });
    }
  }
  return ofXml(found);
};

/** The boxes of a split, from folders, else archives, else Kaggle's table. */
const boxesOfSplit = async (
  root: string,
  split: string,
  lists: readonly string[],
  options: RepackOptions,
): Promise<SplitBoxes | undefined> => {
  for (const each of [...FOLDERS, ...(BESIDE_IMAGES[split] ?? [])]) {
    const folder = join(root, each.replace('$', split));
    const found = existsSync(join(folder, '.'))
      ? await inFolder(folder, split, !each.includes('$') && each !== 'val')
      : undefined;
    if (found) return found;
  }
  const archives = (await listFolder(root)).files.filter((name) => ARCHIVE.exec(name)?.[1] === split);
  if (archives.length > 0)
    return inArchives(
      archives.sort().map((name) => join(root, name)),
      split,
      options,
    );
  const solution = await readSolution(lists, split);
  return (
    solution && {
      names: solution.boxes.keys(),
      whereOf: (name) => `${solution.path} line ${solution.boxes.get(name)!.line}`,
      boxesOf: (name) => solution.boxes.get(name)?.boxes,
    }
  );
};

/** Where boxes are looked for, for messages. */
const PLACES =
  'ILSVRC2012_bbox_train_v2.tar.gz and ILSVRC2012_bbox_val_v3.tgz, their XML in Annotation/ and bbox_val/, or Kaggle’s ILSVRC/Annotations/CLS-LOC or LOC_*_solution.csv';

/**
 * Items with their boxes; those without an annotation have none. Annotations without an image are passed over.
 *
 * @param lists folders that may hold Kaggle's tables
 * @throws UsageError if there are no boxes at all, or naming a wrong file and line
 */
export const withImagenetBoxes = async (
  root: string,
  splits: Readonly<Record<string, readonly Item[]>>,
  lists: readonly string[],
  options: RepackOptions,
): Promise<{ splits: Record<string, readonly Item[]>; strays: PassedOver[] }> => {
  const strays: PassedOver[] = [];
  const found: Record<string, readonly Item[]> = { ...splits };
  let isAny = false;
  for (const split of ['train', 'val']) {
    const items = splits[split];
    const boxes = items && (await boxesOfSplit(root, split, lists, options));
    if (!boxes) continue;
    isAny = true;
    const images = new Set(items.map(({ path }) => stemOf(path)));
    for (const name of boxes.names) {
      if (!images.has(name))
        strays.push({
          path: boxes.whereOf(name),
          reason: `the annotation of an image that is not there, ${name}`,
        });
    }
    found[split] = await inBlocks(items, async (item) => {
      const own = await boxes.boxesOf(stemOf(item.path), item.path);
      return own ? { ...item, boxes: own } : item;
    });
  }
  if (!isAny) throw new UsageError(`Expected boxes in ${root} but found none: ${PLACES}.`);
  return { splits: found, strays };
};
