// Counts VOC's objects from the annotations, and compares annotations with the label lists.
import { UsageError } from '../errors.js';
import type { OnProgress } from '../progress.js';
import type { Dataset } from './dataset.js';
import { type VocAnnotation, readAnnotation } from './voc-annotation.js';
import { type VocYear, openVocTree } from './voc-lists.js';

const FILES_AT_ONCE = 32;
const MOST = 5;

/** The first problems, and the number of further ones. */
const firstOf = (problems: readonly string[]): string[] => [
  ...problems.slice(0, MOST),
  ...(problems.length > MOST ? [`${problems.length - MOST} more annotations like the last one`] : []),
];

/**
 * Counts the objects that are not difficult by class and split, in all splits with public labels.
 *
 * @returns the counts, and the first problems: annotations that are missing or malformed, and images whose labels differ
 *   from the annotation (1 for a class with an object that is not difficult, 0 for one with difficult objects only)
 */
export const countObjects = async (
  year: VocYear,
  dataset: Pick<Dataset, 'classes' | 'splits'>,
  root: string,
  options: { cache?: string; onProgress?: OnProgress } = {},
): Promise<{ counts: Record<string, Record<string, number>>; problems: string[] }> => {
  const tree = await openVocTree(year, root, options);
  const known = new Map<string, VocAnnotation>();
  const unread: string[] = [];
  const isLabelled = ({ ignored = [] }: { ignored?: readonly string[] }): boolean =>
    ignored.length < dataset.classes.length;
  const labelled = Object.entries(dataset.splits).filter(([, items]) => items.some(isLabelled));
  const all = [...new Map(labelled.flatMap(([, items]) => items).map((item) => [item.id, item])).values()];
  for (let i = 0; i < all.length; i += FILES_AT_ONCE) {
    const some = all.slice(i, i + FILES_AT_ONCE);
    await Promise.all(
      some.map(async ({ id }) => {
        try {
          known.set(id, await readAnnotation(tree, id));
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
          unread.push(error.message);
        }
      }),
    );
    options.onProgress?.({
      task: 'check annotations',
      done: i + some.length,
      total: all.length,
      unit: 'files',
    });
  }
  const problems = all.flatMap(({ id, labels, ignored = [] }) => {
    const { objects } = known.get(id) ?? {};
    if (!objects) return [];
    const clear = new Set(objects.filter(({ difficult }) => !difficult).map(({ name }) => name));
    const any = new Set(objects.map(({ name }) => name));
    const agree = dataset.classes.every(
      (name) =>
        labels.includes(name) === clear.has(name) &&
        ignored.includes(name) === (any.has(name) && !clear.has(name)),
    );
    return agree
      ? []
      : [`${tree.where(`Annotations/${id}.xml`)} does not agree with the labels of ${id} in ImageSets/Main`];
  });
  const counts: Record<string, Record<string, number>> = {};
  for (const name of dataset.classes) {
    counts[name] = Object.fromEntries(
      labelled.map(([split, items]) => [
        split,
        items.reduce(
          (sum, { id }) =>
            sum +
            (known.get(id)?.objects ?? []).filter((object) => object.name === name && !object.difficult)
              .length,
          0,
        ),
      ]),
    );
  }
  return { counts, problems: [...firstOf(unread.sort()), ...firstOf(problems)] };
};
