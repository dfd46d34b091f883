// Opens a data set by name: selects its reader.
import { refuseDescriptors } from './common.js';
import { expected, option } from '../errors.js';
import type { OnProgress } from '../progress.js';
import { type CsvOptions, readCsv } from './csv.js';
import type { Dataset } from './dataset.js';
import { type OpenedDataset, opened } from './items.js';
import { readCaltech } from './caltech.js';
import { readFolder } from './folder.js';
import { readIdx } from './idx.js';
import { readImagenet } from './imagenet.js';
import { readTinyImagenet } from './tiny-imagenet.js';
import { readVocAction } from './voc-action.js';
import { readVoc } from './voc.js';

export { splitOf } from './items.js';

/** Options of the readers; each uses those that apply to it. */
export interface OpenOptions {
  /** Columns and separators of a `csv` data set. */
  readonly csv?: CsvOptions;
  /** Whether the background or clutter class of Caltech belongs to the classes. Default true. */
  readonly background?: boolean;
  /** Caltech: class folders without an image are classes too, instead of an error. */
  readonly emptyClasses?: boolean;
  /** VOC: images that are not on disk are items too, instead of an error. */
  readonly missingImages?: boolean;
  /** Also reads the boxes of the images. Default false. */
  readonly boxes?: boolean;
  /** Where compressed archives are unpacked. Default the folder `archives` of the cache. */
  readonly cache?: string;
  /** Called during long work, such as unpacking an archive. */
  readonly onProgress?: OnProgress;
  /** Stops long work: the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

const readers: Readonly<Record<string, (root: string, options: OpenOptions) => Promise<Dataset>>> = {
  imagenet: readImagenet,
  'tiny-imagenet': readTinyImagenet,
  folder: readFolder,
  csv: (root, { csv, boxes = false }) => readCsv(root, { ...csv, boxes }),
  idx: readIdx,
  voc2007: (root, options) => readVoc(2007, root, options),
  voc2012: (root, options) => readVoc(2012, root, options),
  'voc2012-action': readVocAction,
  caltech101: (root, options) => readCaltech('caltech101', root, options),
  caltech256: (root, options) => readCaltech('caltech256', root, options),
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
): Promise<OpenedDataset> => {
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (!reader) throw expected(`one of ${datasetNames.join(', ')}`, 'the data set', name);
  await refuseDescriptors(root);
  const dataset = opened(await reader(root, options));
  if (options.boxes && !dataset.items().some(({ boxes }) => boxes)) {
    throw expected(
      'images with boxes (imagenet, tiny-imagenet, voc2007, voc2012, or csv with xmin, ymin, xmax, ymax)',
      option('data'),
      `${name} in ${dataset.root} without boxes`,
    );
  }
  return dataset;
};
