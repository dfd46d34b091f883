// The one switch by name: which reader opens which data set.
import { expected } from '../errors.js';
import type { OnProgress } from '../progress.js';
import { type CsvOptions, readCsv } from './csv.js';
import type { Dataset, Item } from './dataset.js';
import { readFolder } from './folder.js';

/** What a reader may need; each takes what concerns it. */
export interface OpenOptions {
  /** Columns and separators of a `csv` data set. */
  readonly csv?: CsvOptions;
  /** Told of long work, such as unpacking an archive. */
  readonly onProgress?: OnProgress;
}

const readers: Readonly<Record<string, (root: string, options: OpenOptions) => Promise<Dataset>>> = {
  folder: (root) => readFolder(root),
  csv: (root, { csv }) => readCsv(root, csv),
};

/** Names that {@link openDataset} knows. */
export const datasetNames: readonly string[] = Object.keys(readers);

/**
 * Opens a data set by name.
 *
 * @param name one of {@link datasetNames}
 * @param root its unpacked root, the folder of its archives, or (csv) the table
 * @throws UsageError for an unknown name or a data set that is missing or malformed; it names the file at fault
 */
export const openDataset = async (
  name: string,
  root: string,
  options: OpenOptions = {},
): Promise<Dataset> => {
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (!reader) throw expected(`one of ${datasetNames.join(', ')}`, 'the data set', name);
  return reader(root, options);
};

/**
 * The items of one split.
 *
 * @throws UsageError naming the splits there are, when this one is missing or empty
 */
export const splitOf = (dataset: Dataset, split: string): readonly Item[] => {
  const items = Object.hasOwn(dataset.splits, split) ? dataset.splits[split] : undefined;
  if (items?.length) return items;
  const there = Object.keys(dataset.splits).filter((name) => dataset.splits[name]!.length > 0);
  throw expected(`one of the splits ${there.join(', ')} of ${dataset.root}`, '--split', split);
};
