// Checks a data set on disk against the published one: sizes of splits and classes, objects, numbering,
// checksums.
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mismatchOf } from '../io/checksum.js';
import { VerydeepError } from '../errors.js';
import { NoDatasetError } from './archives/tree.js';
import type { OnProgress } from '../progress.js';
import { type PublishedArchive, publishedArchives } from './archives/published.js';
import { innerMismatchOf } from './archives/inner.js';
import { byCode } from './common.js';
import type { Dataset, Item } from './dataset.js';
import { listed } from './listed.js';
import { type OpenOptions, openDataset } from './open.js';
import { unlabelledNote } from './remarks.js';
import { type PublishedCounts, type SplitCounts, publishedCounts } from './published.js';
import { type Audit, auditVoc } from './voc-audit.js';
import { countObjects } from './voc-objects.js';

/** A found figure and the published one, if known. */
export interface Count {
  readonly split: string;
  /** Missing for the whole split. */
  readonly className?: string;
  readonly what: 'images' | 'persons' | 'objects';
  readonly found: number;
  readonly published?: number;
}

export interface CheckReport {
  readonly name: string;
  readonly root: string;
  /** Whether everything that could be compared agrees. */
  readonly ok: boolean;
  readonly counts: readonly Count[];
  /** Differences, one line each. */
  readonly problems: readonly string[];
  /** Skipped files, such as the data set's own stray files. */
  readonly strays: Dataset['strays'];
  /** Notes on the data set; see `Dataset`. */
  readonly remarks: readonly string[];
  /** Original archives that were found, with their checksums verified. */
  readonly archives: readonly string[];
}

const COUNT = new Intl.NumberFormat('en');

/** Items that have a label, by class. */
const perClass = (items: readonly Item[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { labels } of items) for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
};

const isPublic = (items: readonly Item[], classes: readonly string[]): boolean =>
  items.some(({ ignored }) => (ignored?.length ?? 0) < classes.length);

/** Classes whose number of images is wrong, one line per number found. */
const unequal = (
  classes: readonly string[],
  found: ReadonlyMap<string, number>,
  split: string,
  every: number,
): string[] => {
  const byCount = new Map<number, string[]>();
  for (const name of classes) {
    const count = found.get(name) ?? 0;
    if (count !== every) byCount.set(count, [...(byCount.get(count) ?? []), name]);
  }
  return [...byCount].map(
    ([count, names]) =>
      `${split}: found ${COUNT.format(count)} images in ${names.length === classes.length ? `each of the ${names.length} classes` : listed(names)}, expected ${COUNT.format(every)}`,
  );
};

/**
 * Compares counts of a data set with the published ones.
 *
 * @param published figures; every found figure is listed, and compared if one is published
 * @param what what an item is
 */
export const compareCounts = (
  { classes, splits }: Pick<Dataset, 'classes' | 'splits'>,
  published: PublishedCounts | undefined,
  what: 'images' | 'persons' = 'images',
): { counts: Count[]; problems: string[] } => {
  const counts: Count[] = [];
  const problems: string[] = [];
  const add = (count: Count): void => {
    counts.push(count);
    const { split, className, found } = count;
    if (count.published !== undefined && count.published !== found) {
      problems.push(
        `${className === undefined ? '' : `${className}, `}${split}: found ${COUNT.format(found)} ${count.what}, expected ${COUNT.format(count.published)}`,
      );
    }
  };
  const known = (table: SplitCounts | undefined, split: string): { published?: number } => {
    const figure = table && Object.hasOwn(table, split) ? table[split] : undefined;
    return figure === undefined ? {} : { published: figure };
  };
  if (published && classes.length !== published.classes) {
    problems.push(`found ${classes.length} classes, expected ${published.classes}`);
  }
  const missing = Object.keys(published?.images ?? {}).filter((name) => !classes.includes(name));
  if (missing.length > 0) problems.push(`missing classes: ${listed(missing)}`);
  const extra = published?.images ? classes.filter((name) => !Object.hasOwn(published.images!, name)) : [];
  if (extra.length > 0) problems.push(`classes that are not published: ${listed(extra)}`);
  for (const split of Object.keys(published?.splits ?? {})) {
    const isOptional = published?.optional?.includes(split) ?? false;
    if (!Object.hasOwn(splits, split) && !isOptional) problems.push(`the split "${split}" is missing`);
  }
  for (const [split, items] of Object.entries(splits)) {
    add({ split, what, found: items.length, ...known(published?.splits, split) });
    if (!isPublic(items, classes)) continue;
    const found = perClass(items);
    const every = known(published?.perClass, split).published;
    if (every !== undefined) problems.push(...unequal(classes, found, split, every));
    for (const className of classes) {
      const count = found.get(className) ?? 0;
      if (every === undefined) {
        add({ split, className, what, found: count, ...known(published?.images?.[className], split) });
      } else counts.push({ split, className, what, found: count, published: every });
      if (published?.least !== undefined && count < published.least) {
        problems.push(`${className}, ${split}: found ${count} images, expected at least ${published.least}`);
      }
    }
  }
  return { counts, problems };
};

/** Gaps in images that are numbered from 1 in each class ("image_0007.jpg"), up to the published number where known. */
export const gapsIn = (items: readonly Item[], published?: PublishedCounts): string[] => {
  const numbers = new Map<string, { digits: string; prefix: string; seen: Set<number> }>();
  for (const { path, labels } of items) {
    const [, prefix, digits] = /^(.*_)(\d{4})\.jpg$/.exec(path) ?? [];
    if (prefix === undefined || digits === undefined) continue;
    const entry = numbers.get(labels[0]!) ?? { digits, prefix, seen: new Set<number>() };
    entry.seen.add(Number(digits));
    numbers.set(labels[0]!, entry);
  }
  return [...numbers].flatMap(([name, { prefix, seen }]) => {
    const last = Math.max(...seen);
    const whole = published?.images?.[name]?.['all'];
    // A complete class may have a gap in its numbers; nothing is missing then.
    if (whole !== undefined && seen.size >= whole) return [];
    return Array.from({ length: Math.max(last, whole ?? 0) }, (_, i) => i + 1)
      .filter((number) => !seen.has(number))
      .map((number) => `${prefix}${String(number).padStart(4, '0')}.jpg`);
  });
};

/** Images numbered above the published count of their class. */
export const beyond = (items: readonly Item[], published?: PublishedCounts): string[] => {
  const found = perClass(items);
  return items.flatMap(({ path, labels: [name = ''] }) => {
    const whole = published?.images?.[name]?.['all'];
    const number = Number(/_(\d{4})\.jpg$/.exec(path)?.[1] ?? NaN);
    return whole !== undefined && found.get(name)! > whole && number > whole ? [path] : [];
  });
};

/** VOC's data sets: their year and their task. */
const vocTasks: Readonly<Record<string, readonly [2007 | 2012, 'main' | 'action']>> = {
  voc2007: [2007, 'main'],
  voc2012: [2012, 'main'],
  'voc2012-action': [2012, 'action'],
};

/** Verifies the archives in `root`: size, checksum, and checksum of the inner archive. */
const checkArchives = async (
  root: string,
  archives: readonly PublishedArchive[],
  onProgress: OnProgress | undefined,
): Promise<{ there: string[]; problems: string[] }> => {
  const there: string[] = [];
  const problems: string[] = [];
  for (const { file, bytes, checksum = {}, inner } of archives) {
    const path = join(root, file);
    if (!existsSync(path)) continue;
    there.push(file);
    const { size } = await stat(path);
    if (bytes !== undefined && size !== bytes) {
      problems.push(`${file}: found ${COUNT.format(size)} bytes, expected ${COUNT.format(bytes)}`);
      continue;
    }
    const report = (done: number): void =>
      onProgress?.({ task: `check ${file}`, done, total: size, unit: 'bytes' });
    const wrong =
      (await mismatchOf(path, checksum, report)) ?? (inner && (await innerMismatchOf(path, inner)));
    if (wrong) {
      problems.push(`${file}: found the ${wrong.algorithm} ${wrong.received}, expected ${wrong.expected}`);
    }
  }
  return { there, problems };
};

/**
 * Checks a data set on disk against its published figures.
 *
 * @param name a name of `openDataset`; for `folder` and `csv` the figures are only listed
 * @returns the report; unreadable files are problems in it, and everything else is still compared
 * @throws UsageError for an unknown name or a missing root
 */
export const checkDataset = async (
  name: string,
  root: string,
  options: OpenOptions = {},
): Promise<CheckReport> => {
  const archives = await checkArchives(root, publishedArchives[name] ?? [], options.onProgress);
  const problems = [...archives.problems];
  let published = publishedCounts[name];
  const task = vocTasks[name];
  let audit: Audit | undefined;
  let dataset: Pick<Dataset, 'classes' | 'splits' | 'strays' | 'root' | 'remarks' | 'unlabelled'> & {
    readonly name?: string;
    readonly failed?: string;
  };
  try {
    if (task) audit = await auditVoc(...task, root, options);
    const opened = await openDataset(name, root, { ...options, emptyClasses: true, missingImages: true });
    // A data set recognised under another name is compared with its own figures.
    if (opened.name !== name) published = publishedCounts[opened.name];
    dataset = opened;
  } catch (error) {
    if (!(error instanceof VerydeepError) || !existsSync(root) || !published) throw error;
    if (error instanceof NoDatasetError && archives.there.length === 0) throw error;
    // Everything readable is still compared.
    dataset = { classes: [], splits: {}, ...audit?.dataset, root, strays: [], failed: error.message };
  }
  const { failed } = dataset;
  problems.push(...(audit?.problems ?? []));
  if (failed !== undefined && !problems.includes(failed)) problems.push(failed);
  if (failed !== undefined && !audit) {
    return { name, root, ok: false, counts: [], problems, strays: [], remarks: [], archives: archives.there };
  }
  const isAction = name === 'voc2012-action';
  const { counts, problems: differences } = compareCounts(
    dataset,
    published,
    isAction ? 'persons' : 'images',
  );
  problems.push(...differences);
  if (task && !isAction && failed === undefined) {
    const objects = await countObjects(task[0], dataset, root, options);
    problems.push(...objects.problems);
    for (const [className, found] of Object.entries(objects.counts)) {
      for (const [split, number] of Object.entries(found)) {
        const figure = published?.objects?.[className]?.[split];
        counts.push({
          split,
          className,
          what: 'objects',
          found: number,
          ...(figure !== undefined && { published: figure }),
        });
        if (figure !== undefined && figure !== number) {
          problems.push(
            `${className}, ${split}: found ${number} objects that are not difficult, expected ${figure}`,
          );
        }
      }
    }
  }
  if (name.startsWith('caltech')) {
    const gaps = gapsIn(dataset.splits['all']!, published).sort(byCode);
    if (gaps.length > 0) problems.push(`${gaps.length} images are missing, by number: ${listed(gaps)}`);
    const more = beyond(dataset.splits['all']!, published).sort(byCode);
    if (more.length > 0) problems.push(`${more.length} images are not published: ${listed(more)}`);
  }
  return {
    name: dataset.name ?? name,
    root: dataset.root,
    ok: problems.length === 0,
    counts,
    problems,
    strays: dataset.strays,
    remarks: [
      ...(dataset.unlabelled ? [unlabelledNote(dataset.unlabelled)] : []),
      ...(dataset.remarks ?? []),
    ],
    archives: archives.there,
  };
};
