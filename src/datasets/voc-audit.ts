// Audits VOC on disk: reports every unreadable list and every missing or superfluous image.
import { VerydeepError } from '../errors.js';
import { textOf } from './archives/tree.js';
import type { OnProgress } from '../progress.js';
import { bySplit } from './common.js';
import type { Dataset, Item } from './dataset.js';
import { VOC_ACTIONS } from './voc-action.js';
import {
  LABEL,
  type List,
  OBJECT,
  VOC_SPLITS,
  type VocYear,
  openVocTree,
  readList,
  yearOf,
} from './voc-lists.js';
import { VOC_CLASSES } from './voc.js';
import { listed } from './listed.js';

/** The tasks: where their lists lie, what is told apart, and the numbers after an id. */
const tasks = {
  main: { folder: 'Main', classes: VOC_CLASSES, columns: [LABEL] },
  action: { folder: 'Action', classes: VOC_ACTIONS, columns: [OBJECT, LABEL] },
} as const;

/** The result of an audit. */
export interface Audit {
  /** What can be said of the splits in spite of the problems; sources are empty where an image is missing. */
  readonly dataset: Pick<Dataset, 'classes' | 'splits'>;
  readonly problems: readonly string[];
}

/** Image ids that any list of the kit names, whatever it is for. */
const namedAnywhere = async (
  tree: Awaited<ReturnType<typeof openVocTree>>,
  text: (path: string) => Promise<string>,
): Promise<Set<string>> => {
  const ids = new Set<string>();
  for (const folder of await tree.folders('ImageSets')) {
    for (const name of (await tree.files(`ImageSets/${folder}`)).keys()) {
      for (const line of (await text(`ImageSets/${folder}/${name}`)).split('\n'))
        ids.add(line.trim().split(/\s+/)[0]!);
    }
  }
  for (const name of (await tree.files('Annotations')).keys()) ids.add(name.replace(/\.xml$/, ''));
  return ids;
};

/**
 * Reads every list of a task and compares it with the images and annotations that are there; one that cannot be read
 * does not end it.
 *
 * @throws UsageError when there is no such data set at all
 * @throws VerydeepError for an archive that cannot be read
 */
export const auditVoc = async (
  year: VocYear,
  task: keyof typeof tasks,
  root: string,
  options: { cache?: string; onProgress?: OnProgress } = {},
): Promise<Audit> => {
  const tree = await openVocTree(year, root, options);
  const { folder, classes, columns } = tasks[task];
  const problems: string[] = [];
  const attempt = async (path: string, form: Parameters<typeof readList>[3]): Promise<List | undefined> => {
    try {
      return await readList(tree, year, path, form);
    } catch (error) {
      if (!(error instanceof VerydeepError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const items: [string, Item][] = [];
  const ids = new Set<string>();
  const there = await tree.files(`ImageSets/${folder}`);
  for (const split of VOC_SPLITS) {
    const own = `ImageSets/${folder}/${split}.txt`;
    const first = ((await textOf(tree, own)) ?? '').trimStart().split('\n')[0] ?? '';
    const list = await attempt(own, task === 'action' && /\s\S/.test(first) ? [OBJECT] : []);
    const names = classes.filter((name) => there.has(`${name}_${split}.txt`));
    const lost = classes.filter((name) => !names.includes(name));
    const isPublic = names.length > 0 || (list !== undefined && (split !== 'test' || year === 2007));
    if (isPublic && lost.length > 0) {
      problems.push(
        `${tree.where(`ImageSets/${folder}`)}: ${lost.length} of the ${classes.length} lists of ${split} are missing: ${listed(lost.map((name) => `${name}_${split}.txt`))}`,
      );
    }
    const files = await Promise.all(
      names.map((name) => attempt(`ImageSets/${folder}/${name}_${split}.txt`, columns)),
    );
    const keyOf = ({ id, numbers }: List['rows'][number]): string =>
      task === 'action' && numbers.length > 0 ? `${id}#${numbers[0]}` : id;
    const whole = files.length === classes.length && files.every((file) => file !== undefined);
    const named = new Map(files.flatMap((file) => file?.rows ?? []).map((row) => [keyOf(row), row]));
    const rows = whole
      ? [...named.values()]
      : ((list ?? files.find((file) => file !== undefined))?.rows ?? []);
    const labels = whole
      ? files.map((file) => new Map(file.rows.map((row) => [keyOf(row), row.numbers.at(-1)!])))
      : undefined;
    list?.rows.forEach(({ id }) => ids.add(id));
    if (list && list.rows.every(({ numbers }) => numbers.length === 0)) {
      const known = new Set(list.rows.map(({ id }) => id));
      for (const file of files) {
        const strange = file ? file.rows.filter(({ id }) => !known.has(id)) : [];
        if (strange.length > 0) {
          problems.push(
            `${file!.file}: ${strange.length} of its ids are not in ${split}.txt: ${listed(strange.map(({ id }) => id))}`,
          );
        }
        const labelled = new Set(file?.rows.map(({ id }) => id));
        // As published, an action has no rows for the images of a year in which nobody does it.
        const years = new Set(file?.rows.map(({ id }) => yearOf(id)));
        const isLeftOut = (id: string): boolean => task === 'action' && !years.has(yearOf(id));
        const bare = file ? [...known].filter((id) => !labelled.has(id) && !isLeftOut(id)) : [];
        if (bare.length > 0) {
          problems.push(
            `${file!.file}: ${bare.length} images of ${split}.txt have no label: ${listed(bare)}`,
          );
        }
      }
    }
    for (const row of rows) {
      ids.add(row.id);
      const having = (value: number): string[] =>
        classes.filter((_, c) => (labels ? labels[c]!.get(keyOf(row)) : 0) === value);
      items.push([
        split,
        { id: keyOf(row), path: row.id, source: { file: '' }, labels: having(1), ignored: having(0) },
      ]);
    }
  }
  const images = await tree.files('JPEGImages');
  const missing = [...ids].filter((id) => !images.has(`${id}.jpg`));
  if (missing.length > 0) {
    problems.push(
      `${missing.length} of ${ids.size} images of ${tree.where('JPEGImages')} are missing: ${listed(missing)}`,
    );
  }
  const named = await namedAnywhere(tree, async (path) => (await textOf(tree, path)) ?? '');
  const extra = [...images.keys()].filter((name) => !named.has(name.replace(/\.jpg$/, '')));
  if (extra.length > 0) {
    problems.push(
      `${extra.length} of ${images.size} files of ${tree.where('JPEGImages')} are in no list: ${listed(extra)}`,
    );
  }
  return { dataset: { classes, splits: bySplit(items) }, problems };
};
