// The action task of VOC-2012: each item is a person with a box, labelled with any of ten actions.
import { expected } from '../errors.js';
import type { OnProgress } from '../progress.js';
import { type Tree, textOf } from './archives/tree.js';
import { bySplit } from './common.js';
import type { Dataset, Item } from './dataset.js';
import { type VocAnnotation, readAnnotation } from './voc-annotation.js';
import {
  LABEL,
  type List,
  OBJECT,
  type Row,
  VOC_SPLITS,
  type VocSplit,
  imagesOf,
  openVocTree,
  readList,
  requireKnown,
  requireSameRows,
  yearOf,
} from './voc-lists.js';

/**
 * The ten classes. Persons of the action "other" have no label: they are negatives of all ten, and "other" has no
 * classifier.
 */
export const VOC_ACTIONS: readonly string[] = [
  'jumping',
  'phoning',
  'playinginstrument',
  'reading',
  'ridingbike',
  'ridinghorse',
  'running',
  'takingphoto',
  'usingcomputer',
  'walking',
];

const YEAR = 2012;
const COLUMNS = [OBJECT, LABEL];
const FILES_AT_ONCE = 32;

const keyOf = ({ id, numbers }: Row): string => `${id}#${numbers[0]}`;

const readActionFiles = async (
  tree: Tree,
  split: VocSplit,
  hasList: boolean,
): Promise<List[] | undefined> => {
  const path = (action: string): string => `ImageSets/Action/${action}_${split}.txt`;
  const lists = await Promise.all(VOC_ACTIONS.map((action) => readList(tree, YEAR, path(action), COLUMNS)));
  const there = lists.filter((list) => list !== undefined);
  if (there.length === VOC_ACTIONS.length) return there;
  if (there.length === 0 && (!hasList || split === 'test')) return undefined;
  const missing = VOC_ACTIONS[lists.findIndex((list) => list === undefined)]!;
  throw expected(
    `a file of labels for each of the ${VOC_ACTIONS.length} actions`,
    tree.where(path(missing)),
    'no such file',
    'Unpack the archive again.',
  );
};

/** The list of a split: lines of image and object index, or of images only. */
const readSplitList = async (tree: Tree, split: VocSplit): Promise<List | undefined> => {
  const path = `ImageSets/Action/${split}.txt`;
  const [first = ''] = ((await textOf(tree, path)) ?? '').trimStart().split('\n');
  return readList(tree, YEAR, path, /\s\S/.test(first) ? [OBJECT] : []);
};

/** Annotations by image id. */
const annotationsOf = async (tree: Tree, ids: readonly string[]): Promise<Map<string, VocAnnotation>> => {
  const annotations = new Map<string, VocAnnotation>();
  for (let i = 0; i < ids.length; i += FILES_AT_ONCE) {
    await Promise.all(
      ids.slice(i, i + FILES_AT_ONCE).map(async (id) => annotations.set(id, await readAnnotation(tree, id))),
    );
  }
  return annotations;
};

/** The rows of a split: from its label lists, else from its own list, else all persons of its images. */
const personsOf = (list: List, annotations: ReadonlyMap<string, VocAnnotation>): List => ({
  file: list.file,
  rows: list.rows.flatMap((row) =>
    row.numbers.length > 0
      ? [row]
      : annotations
          .get(row.id)!
          .objects.flatMap(({ name }, i) => (name === 'person' ? [{ ...row, numbers: [i + 1] }] : [])),
  ),
});

/** The persons in the lists of all actions, each with its first occurrence. */
const allPersons = (actions: readonly List[]): Map<string, { row: Row; file: string }> => {
  const persons = new Map<string, { row: Row; file: string }>();
  for (const { rows, file } of actions) {
    for (const row of rows) if (!persons.has(keyOf(row))) persons.set(keyOf(row), { row, file });
  }
  return persons;
};

/**
 * Checks that an action's list names all persons of an image or none. If it names none, they are negatives: the
 * published list of `jumping` has no rows for images collected in 2010.
 *
 * @returns a remark for each list that names some images of a year but not all: the file may be cut short
 */
const requireSamePersons = (persons: List, actions: readonly List[]): string[] =>
  actions.flatMap((action) => {
    const images = new Set(action.rows.map(({ id }) => id));
    requireSameRows({ ...persons, rows: persons.rows.filter(({ id }) => images.has(id)) }, action, keyOf);
    const years = new Set(action.rows.map(({ id }) => yearOf(id)));
    const absent = persons.rows.filter(({ id }) => !images.has(id) && years.has(yearOf(id)));
    if (absent.length === 0) return [];
    return [
      `${action.file} names ${absent.length} of ${persons.rows.length} persons not at all, from ${absent[0]!.id} on: they count as not doing this.`,
    ];
  });

const readSplit = async (
  tree: Tree,
  split: VocSplit,
  missingImages: boolean,
  remarks: string[],
): Promise<Item[]> => {
  const list = await readSplitList(tree, split);
  const actions = await readActionFiles(tree, split, list !== undefined);
  const persons = actions && allPersons(actions);
  const rows: List | undefined = persons
    ? { file: actions[0]!.file, rows: [...persons.values()].map(({ row }) => row) }
    : list;
  if (!rows) return [];
  if (list && actions) {
    const hasIndices = list.rows.some(({ numbers }) => numbers.length > 0);
    const key = hasIndices ? keyOf : ({ id }: Row): string => id;
    for (const action of actions) requireKnown(list, action, key);
    requireSameRows(list, { ...rows, rows: onePerKey(rows.rows, key) }, key);
  }
  if (actions) remarks.push(...requireSamePersons(rows, actions));
  const labels = actions?.map((file) => new Map(file.rows.map((row) => [keyOf(row), row.numbers[1]!])));
  const images = await imagesOf(tree, rows, missingImages);
  const annotations = await annotationsOf(tree, [...images.keys()]);
  return personsOf(rows, annotations).rows.map((row) => {
    const { id, line, numbers } = row;
    const object = annotations.get(id)!.objects[numbers[0]! - 1];
    if (object?.name !== 'person') {
      throw expected(
        `a person as object ${numbers[0]} of ${tree.where(`Annotations/${id}.xml`)}`,
        `${persons?.get(keyOf(row))?.file ?? rows.file} line ${line}`,
        object?.name ?? `only ${annotations.get(id)!.objects.length} objects`,
      );
    }
    // A person missing from an action's list is a negative.
    const having = (value: number): string[] =>
      VOC_ACTIONS.filter((_, a) => (labels ? (labels[a]!.get(keyOf(row)) ?? -1) : 0) === value);
    const ignored = having(0);
    return {
      id: keyOf(row),
      path: `${tree.top}/JPEGImages/${id}.jpg`,
      source: images.get(id)!,
      labels: having(1),
      ...(ignored.length > 0 && { ignored }),
      box: object.box,
    };
  });
};

const onePerKey = (rows: readonly Row[], key: (row: Row) => string): Row[] => [
  ...new Map(rows.map((row) => [key(row), row])).values(),
];

/**
 * Reads the action task of VOC-2012. Each item is one person. Its id is the image's id with the index of the object in
 * the annotation, from 1: "2010_006088#1". Where labels are not public, all actions are ignored.
 *
 * @param root the root, as for `readVoc`
 * @throws UsageError naming file and line: a missing list, an id without image or annotation, an object index that is
 *   out of range or not a person, an unknown label, an id of another split
 */
export const readVocAction = async (
  root: string,
  options: { cache?: string; onProgress?: OnProgress; missingImages?: boolean } = {},
): Promise<Dataset> => {
  const tree = await openVocTree(YEAR, root, options);
  const items: [string, Item][] = [];
  const remarks: string[] = [];
  for (const split of VOC_SPLITS) {
    for (const item of await readSplit(tree, split, options.missingImages ?? false, remarks))
      items.push([split, item]);
  }
  if (items.length === 0) {
    throw expected('lists of persons such as train.txt', tree.where('ImageSets/Action'), 'none');
  }
  return {
    name: 'voc2012-action',
    root: tree.root,
    classes: VOC_ACTIONS,
    splits: bySplit(items),
    strays: [],
    ...(remarks.length > 0 && { remarks }),
  };
};
