// VOC-2007 and VOC-2012 classification: twenty classes, several in an image, and label 0 where only difficult objects are.
import { expected } from '../errors.js';
import type { OnProgress } from '../progress.js';
import { annotatedBoxes, stemOf } from './annotated-boxes.js';
import { bySplit, inBlocks } from './common.js';
import type { Dataset, Item, LabelledBox } from './dataset.js';
import {
  LABEL,
  type List,
  VOC_SPLITS,
  type VocSplit,
  type VocYear,
  imagesOf,
  openVocTree,
  readList,
  requireSameRows,
} from './voc-lists.js';
import { type Tree, textOf } from './archives/tree.js';

/** The classes of both years, in the kit's order. */
export const VOC_CLASSES: readonly string[] = [
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
];

const LABELLED = [LABEL];

/** The class files of a split; undefined where there are none and the split's labels are not public. */
const readClassFiles = async (
  tree: Tree,
  year: VocYear,
  split: VocSplit,
  hasList: boolean,
): Promise<List[] | undefined> => {
  const path = (name: string): string => `ImageSets/Main/${name}_${split}.txt`;
  const lists = await Promise.all(VOC_CLASSES.map((name) => readList(tree, year, path(name), LABELLED)));
  const there = lists.filter((list) => list !== undefined);
  if (there.length === VOC_CLASSES.length) return there;
  if (there.length === 0 && (!hasList || (year === 2012 && split === 'test'))) return undefined;
  const missing = VOC_CLASSES[lists.findIndex((list) => list === undefined)]!;
  throw expected(
    `a file of labels for each of the ${VOC_CLASSES.length} classes`,
    tree.where(path(missing)),
    'no such file',
    'Unpack the archive again.',
  );
};

const readSplit = async (
  tree: Tree,
  year: VocYear,
  split: VocSplit,
  missingImages: boolean,
): Promise<Item[]> => {
  const list = await readList(tree, year, `ImageSets/Main/${split}.txt`, []);
  const classes = await readClassFiles(tree, year, split, list !== undefined);
  const ids = list ?? classes?.[0];
  if (!ids) return [];
  const labels = classes?.map((file) => {
    requireSameRows(ids, file, ({ id }) => id);
    return new Map(file.rows.map(({ id, numbers }) => [id, numbers[0]!]));
  });
  const images = await imagesOf(tree, ids, missingImages);
  return ids.rows.map(({ id }) => {
    const having = (value: number): string[] =>
      VOC_CLASSES.filter((_, c) => (labels ? labels[c]!.get(id) : 0) === value);
    const ignored = having(0);
    return {
      id,
      path: `${tree.top}/JPEGImages/${id}.jpg`,
      source: images.get(id)!,
      labels: having(1),
      ...(ignored.length > 0 && { ignored }),
    };
  });
};

/** Annotations of images that are not on disk. */
const annotationsAlone = async (
  tree: Tree,
  items: readonly [string, Item][],
): Promise<{ path: string; reason: string }[]> => {
  const present = new Set([...(await tree.files('JPEGImages')).keys()].map(stemOf));
  for (const [, { id }] of items) present.add(id);
  return [...(await tree.files('Annotations')).keys()]
    .filter((name) => name.endsWith('.xml') && !present.has(stemOf(name)))
    .map((name) => ({
      path: `Annotations/${name}`,
      reason: `the annotation of an image that is not there, ${stemOf(name)}`,
    }));
};

/** Items with the boxes of their annotations; those without one have none. */
const withBoxes = async (tree: Tree, items: readonly [string, Item][]): Promise<[string, Item][]> => {
  const known = new Map<string, readonly LabelledBox[]>();
  return inBlocks(items, async ([split, item]) => {
    const path = `Annotations/${item.id}.xml`;
    const text = known.has(item.id) ? undefined : await textOf(tree, path);
    if (text !== undefined) known.set(item.id, annotatedBoxes(text, tree.where(path), item.path, 1));
    const boxes = known.get(item.id);
    return [split, boxes ? { ...item, boxes } : item];
  });
};

/**
 * Reads VOC-2007 or VOC-2012 for classification. An item's labels are the classes with label 1, `ignored` those with
 * label 0 (only difficult objects). Of images whose labels are not public (the test set of 2012), all classes are
 * ignored. Splits that are not on disk are left out.
 *
 * @param root the folder that holds `VOCdevkit` or `VOC2007`, that folder itself, or the folder of the original archives
 * @throws UsageError naming file and line: a class file missing, an id without image, an unknown label, ids of another
 *   year or another split
 */
export const readVoc = async (
  year: VocYear,
  root: string,
  options: { cache?: string; onProgress?: OnProgress; missingImages?: boolean; boxes?: boolean } = {},
): Promise<Dataset> => {
  const tree = await openVocTree(year, root, options);
  const items: [string, Item][] = [];
  for (const split of VOC_SPLITS) {
    for (const item of await readSplit(tree, year, split, options.missingImages ?? false))
      items.push([split, item]);
  }
  if (items.length === 0) {
    throw expected('lists of images such as train.txt', tree.where('ImageSets/Main'), 'none');
  }
  return {
    name: `voc${year}`,
    root: tree.root,
    classes: VOC_CLASSES,
    splits: bySplit(options.boxes ? await withBoxes(tree, items) : items),
    strays: options.boxes ? await annotationsAlone(tree, items) : [],
  };
};
