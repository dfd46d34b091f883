// VOC's files on disk: the folders of 2007 and 2012, and the lists of image ids and labels in ImageSets.
import { expected } from '../errors.js';
import type { OnProgress } from '../progress.js';
import { type Tree, type TreePlan, openTree, textOf } from './archives/tree.js';
import type { ImageSource } from './dataset.js';

export type VocYear = 2007 | 2012;
export const VOC_SPLITS = ['train', 'val', 'trainval', 'test'] as const;
export type VocSplit = (typeof VOC_SPLITS)[number];

/** Where to look, what the ids of each year look like, and which data sets its annotations name as their own. */
const years: Readonly<Record<VocYear, { plan: TreePlan; id: RegExp; idForm: string; folders: RegExp }>> = {
  2007: {
    plan: {
      top: 'VOC2007',
      within: ['', 'VOCdevkit'],
      archives: [{ file: 'VOCtrainval_06-Nov-2007.tar' }, { file: 'VOCtest_06-Nov-2007.tar' }],
    },
    id: /^\d{6}$/,
    idForm: 'six digits',
    folders: /^VOC2007$/i,
  },
  2012: {
    plan: {
      top: 'VOC2012',
      within: ['', 'VOCdevkit'],
      archives: [{ file: 'VOCtrainval_11-May-2012.tar' }, { file: 'VOC2012test.tar' }],
    },
    id: /^\d{4}_\d{6}$/,
    idForm: 'four digits, an underscore, six digits',
    // The data set grew from 2008 on, and 2,424 of its annotations name the year before.
    folders: /^VOC20(08|09|10|11|12)$/i,
  },
};

/** Whether an annotation that names `folder` belongs to the data set with the top folder `top`; other words say nothing. */
export const isAnnotationOf = (top: string, folder: string): boolean => {
  const year = Object.values(years).find(({ plan }) => plan.top === top);
  return !/^VOC\d{4}$/i.test(folder) || (year?.folders.test(folder) ?? true);
};

/** One line of a list: the image, the numbers after it, and where it stands. */
export interface Row {
  readonly id: string;
  readonly numbers: readonly number[];
  /** Counted from 1. */
  readonly line: number;
}

/** The year in which an image was collected: the first part of an id of 2012. */
export const yearOf = (id: string): string => id.slice(0, id.indexOf('_'));

/** A list as read: its rows, and the file for messages. */
export interface List {
  readonly rows: readonly Row[];
  readonly file: string;
}

/** Opens a year's files, unpacked or in the original archives. */
export const openVocTree = (
  year: VocYear,
  root: string,
  options: { cache?: string; onProgress?: OnProgress } = {},
): Promise<Tree> => openTree(root, years[year].plan, options);

/** A number that a column may hold: what it is called, and which values are right. */
export interface Column {
  readonly name: string;
  readonly allows: (value: number) => boolean;
}

export const LABEL: Column = { name: 'a label 1, -1 or 0', allows: (value) => [1, -1, 0].includes(value) };
export const OBJECT: Column = {
  name: 'an object index, counted from 1,',
  allows: (value) => Number.isInteger(value) && value >= 1,
};

/**
 * Reads a list of ImageSets: an image id and then the numbers of `columns`, separated by any white space.
 *
 * @returns undefined where the file is missing
 * @throws UsageError naming file and line: a malformed line, an id of another year, an unknown label, a repeated key
 */
export const readList = async (
  tree: Tree,
  year: VocYear,
  path: string,
  columns: readonly Column[],
): Promise<List | undefined> => {
  const text = await textOf(tree, path);
  if (text === undefined) return undefined;
  const file = tree.where(path);
  const { id: pattern, idForm } = years[year];
  const seen = new Map<string, number>();
  const rows: Row[] = [];
  text.split('\n').forEach((content, index) => {
    const line = index + 1;
    const where = `${file} line ${line}`;
    const [id, ...rest] = content.trim().split(/\s+/);
    if (id === undefined || id === '') return;
    if (!pattern.test(id)) {
      const other = Object.values(years).some((voc) => voc.id.test(id));
      throw expected(
        `an image id of VOC${year} (${idForm})`,
        where,
        id,
        other ? 'It is of another year: the years are mixed up.' : 'Get the file from the official archive.',
      );
    }
    if (rest.length !== columns.length) {
      throw expected(`${1 + columns.length} columns`, where, content.trim());
    }
    const numbers = columns.map(({ name, allows }, i) => {
      const value = Number(rest[i]);
      if (!allows(value)) throw expected(name, where, rest[i]);
      return value;
    });
    const key = [id, ...numbers.filter((_, i) => columns[i] === OBJECT)].join(' ');
    const before = seen.get(key);
    if (before !== undefined) throw expected(`"${key}" once`, where, `it again, after line ${before}`);
    seen.set(key, line);
    rows.push({ id, numbers, line });
  });
  return { rows, file };
};

/**
 * The image files of all ids of a list.
 *
 * @param missing whether images may be missing: their source is then where they would be
 * @throws UsageError naming the first id without image with its line, and how many are missing
 */
export const imagesOf = async (
  tree: Tree,
  list: List,
  missing = false,
): Promise<ReadonlyMap<string, ImageSource>> => {
  const files = await tree.files('JPEGImages');
  const images = new Map<string, ImageSource>();
  const lost = list.rows.filter(({ id }) => !files.has(`${id}.jpg`));
  const [first] = lost;
  if (first && !missing) {
    throw expected(
      `the image ${tree.where(`JPEGImages/${first.id}.jpg`)}`,
      `${list.file} line ${first.line}`,
      'no such file',
      `${lost.length} of ${list.rows.length} images are missing: the download or the unpacking is not complete.`,
    );
  }
  for (const { id } of list.rows) {
    images.set(id, files.get(`${id}.jpg`) ?? { file: tree.where(`JPEGImages/${id}.jpg`) });
  }
  return images;
};

/**
 * Requires that every row of a list of labels refers to a row of the split.
 *
 * @param keyOf what a row speaks of: the image, or one of its objects
 * @throws UsageError naming the file and line at fault: labels of another split
 */
export const requireKnown = (split: List, labels: List, keyOf: (row: Row) => string): void => {
  const known = new Set(split.rows.map(keyOf));
  const extra = labels.rows.find((row) => !known.has(keyOf(row)));
  if (!extra) return;
  throw expected(
    `an image of ${split.file}`,
    `${labels.file} line ${extra.line}`,
    keyOf(extra),
    'It belongs to another split.',
  );
};

/**
 * Requires that two lists refer to the same keys.
 *
 * @param keyOf as of {@link requireKnown}
 * @throws UsageError as {@link requireKnown}, and naming a row of `split` that `labels` does not have
 */
export const requireSameRows = (split: List, labels: List, keyOf: (row: Row) => string): void => {
  requireKnown(split, labels, keyOf);
  if (labels.rows.length === split.rows.length) return;
  const labelled = new Set(labels.rows.map(keyOf));
  const bare = split.rows.find((row) => !labelled.has(keyOf(row)))!;
  throw expected(
    `a label of ${keyOf(bare)} (${split.file} line ${bare.line})`,
    labels.file,
    `${labels.rows.length} lines`,
  );
};
