// Reads ILSVRC2012 in all its layouts: class folders, flat validation images with the development kit, Kaggle's, tars.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError, expected } from '../errors.js';
import { byCode, bySplit, requireFolder } from './common.js';
import type { Dataset, ImageSource, Item } from './dataset.js';
import { type ArchiveOptions, imagesInArchive } from './imagenet-archives.js';
import { withImagenetBoxes } from './imagenet-boxes.js';
import { devkitPlaces, findDevkit, validationNumber, validationWnids } from './imagenet-devkit.js';
import { readSynsetMapping, readValidationSolution } from './imagenet-kaggle.js';
import { isImageName } from './names.js';
import { remarksOn } from './remarks.js';
import { isImagesName } from './split-names.js';
import { readTinyImagenet, tinyImagenetIn } from './tiny-imagenet.js';
import { type PassedOver, listFolder, walkFolder } from './walk.js';

/** The images of a split, in class folders or flat (folder ""). */
interface Part {
  /** Their folder or archive, for messages. */
  readonly where: string;
  readonly strays: readonly PassedOver[];
  readonly images: readonly {
    readonly folder: string;
    readonly path: string;
    readonly source: ImageSource;
  }[];
}

const WNID = /^n\d{8}$/;
/** Folders that may contain `train`, `val` and `test`: the root, and Kaggle's. */
const BASES = ['.', 'ILSVRC/Data/CLS-LOC', 'Data/CLS-LOC', 'CLS-LOC'];
/** Folders that may contain Kaggle's lists. */
const LISTS = ['.', 'ILSVRC', '..', '../..', '../../..'];

/** Lists a split's folder: images in class folders, in their subfolders `images`, or flat. */
const readFolderPart = async (folder: string, split: string): Promise<Part> => {
  const { files, passed } = await walkFolder(folder);
  const images: Part['images'][number][] = [];
  const strays: PassedOver[] = passed.map(({ path, reason }) => ({ path: `${split}/${path}`, reason }));
  for (const file of files) {
    const parts = file.split('/');
    const path = `${split}/${file}`;
    const isDeep = parts.length > 2 && !(parts.length === 3 && isImagesName(parts[1]!));
    if (!isImageName(file) || isDeep) continue;
    const inFolder = parts.length > 1 && !(parts.length === 2 && isImagesName(parts[0]!));
    images.push({ folder: inFolder ? parts[0]! : '', path, source: { file: join(folder, file) } });
  }
  return { where: folder, images, strays };
};

/** A split's images, from its folder or else its archive; undefined if both are missing. */
const findPart = async (root: string, split: string, options: ArchiveOptions): Promise<Part | undefined> => {
  const folder = BASES.map((base) => join(root, base, split)).find((path) => existsSync(join(path, '.')));
  if (folder !== undefined) return readFolderPart(folder, split);
  const archive = join(root, `ILSVRC2012_img_${split}.tar`);
  if (!existsSync(archive)) return undefined;
  const images = (await imagesInArchive(archive, options)).filter(({ name }) => isImageName(name));
  return {
    where: archive,
    strays: [],
    images: images.map(({ folder: wnid, name, source }) => ({
      folder: WNID.test(wnid) ? wnid : '',
      path: `${split}/${WNID.test(wnid) ? `${wnid}/` : ''}${name}`,
      source,
    })),
  };
};

/** The class of each flat validation image, by file name without extension. */
const flatLabels = async (
  root: string,
  part: Part,
  options: ArchiveOptions,
): Promise<(name: string) => string | undefined> => {
  const solution = await readValidationSolution(LISTS.map((folder) => join(root, folder)));
  if (solution) return (name) => solution.get(name.replace(/\.[^.]+$/, ''));
  const devkit = await findDevkit(root, options);
  if (!devkit) {
    throw new UsageError(
      `Expected labels for the flat validation images in ${part.where}: the development kit (${devkitPlaces}), Kaggle's LOC_val_solution.csv, or a folder for each class.`,
    );
  }
  const wnids = validationWnids(devkit);
  return (name) => wnids[(validationNumber(name) ?? 0) - 1];
};

/** The first names in a folder, for messages. */
const namesIn = async (folder: string): Promise<string[]> => {
  const { files, folders } = await listFolder(folder);
  return [...folders.map(({ name }) => name), ...files].slice(0, 8);
};

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/**
 * Reads ILSVRC2012, or unpacked Tiny ImageNet.
 *
 * - Training images: `train/<wnid>/`, or `ILSVRC2012_img_train.tar`, read in place.
 * - Validation images: `val/<wnid>/`; or flat in `val/` or `ILSVRC2012_img_val.tar`, with labels from the development
 *   kit or Kaggle's CSV.
 * - Test images: no labels.
 *
 * Kaggle's `ILSVRC/Data/CLS-LOC/` is found too. Classes are the sorted WNIDs; the kit's ILSVRC2012_ID, which has another
 * order, is mapped by `meta.mat`.
 *
 * @returns the splits found, of `train`, `val` and `test`
 * @throws UsageError if there are neither training nor validation images, or a validation image has no label or a class
 *   without training images
 */
export const readImagenet = async (
  root: string,
  options: ArchiveOptions & { readonly boxes?: boolean } = {},
): Promise<Dataset> => {
  const absolute = resolve(root);
  await requireFolder(absolute);
  if (tinyImagenetIn(absolute)) return readTinyImagenet(absolute, options);
  const [train, val, test] = await Promise.all(
    ['train', 'val', 'test'].map((split) => findPart(absolute, split, options)),
  );
  if (!train && !val) {
    throw expected(
      'train/<wnid>/, val/, ILSVRC/Data/CLS-LOC/, ILSVRC2012_img_train.tar or ILSVRC2012_img_val.tar',
      absolute,
      await namesIn(absolute),
    );
  }
  const strays: PassedOver[] = [train, val, test].flatMap((part) => part?.strays ?? []);
  const labelled: [split: string, item: Item][] = [];
  const labels = new Map<string, readonly string[]>(); // One array per class, shared by its images.
  const add = (split: string, { path, source }: Part['images'][number], wnid: string | undefined): void => {
    const name = nameOf(path);
    const id = validationNumber(name) === undefined ? path : `${split}/${name}`;
    if (wnid !== undefined && !labels.has(wnid)) labels.set(wnid, [wnid]);
    labelled.push([split, { id, path, source, labels: wnid === undefined ? [] : labels.get(wnid)! }]);
  };
  for (const image of train?.images ?? []) {
    if (image.folder === '') strays.push({ path: image.path, reason: 'lies in no class folder' });
    else add('train', image, image.folder);
  }
  const mapping = await readSynsetMapping(LISTS.map((folder) => join(absolute, folder)));
  const classes = new Set(labels.size > 0 ? labels.keys() : (mapping?.keys() ?? []));
  if (val) {
    const isFlat = val.images.every(({ folder }) => folder === '');
    const labelOf = isFlat ? await flatLabels(absolute, val, options) : undefined;
    for (const image of val.images) {
      const wnid = labelOf ? labelOf(nameOf(image.path)) : image.folder;
      if (wnid === undefined || wnid === '') {
        throw expected('a label for each validation image', join(val.where, nameOf(image.path)), 'none');
      }
      if (train && !classes.has(wnid)) {
        throw expected(`one of the ${classes.size} classes in ${train.where}`, image.path, wnid);
      }
      add('val', image, wnid);
    }
  }
  for (const image of test?.images ?? []) add('test', image, undefined);
  if (!labelled.some(([split]) => split !== 'test')) {
    throw expected('images', (train ?? val)!.where, 'none');
  }
  const found = {
    classes: [...new Set([...classes, ...labels.keys()])].sort(byCode),
    splits: bySplit(labelled),
  };
  const remarks = remarksOn(found);
  const boxed = options.boxes
    ? await withImagenetBoxes(
        absolute,
        found.splits,
        LISTS.map((folder) => join(absolute, folder)),
        options,
      )
    : { splits: found.splits, strays: [] };
  return {
    ...{ name: 'imagenet', root: absolute, classes: found.classes, splits: boxed.splits },
    strays: [...strays, ...boxed.strays],
    ...(remarks.length > 0 && { remarks }),
  };
};
