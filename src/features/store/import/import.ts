// Imports descriptors that another program wrote: a store of them, with the images and labels of a data set.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import sharp from 'sharp';
import type { Item } from '../../../datasets/dataset.js';
import { InterruptedError, UsageError, expected, option, text } from '../../../errors.js';
import { openTable } from '../../../formats/table/open.js';
import type { ForeignTable } from '../../../formats/table/table.js';
import { readImageBytes } from '../../../images/source.js';
import { ImageError } from '../../../images/image.js';
import { defaultInterpolation } from '../../../interpolation.js';
import { isEmptyFolder, makeFolder, sha256, sha256OfFile, writeFileAtomically } from '../../../io/files.js';
import { OUTPUT_MARKER, makeOutputFolder } from '../../../io/output-folder.js';
import { requireFile } from '../../../io/readable.js';
import { recordWork } from '../../../io/work.js';
import { rowOf } from '../../../matrix.js';
import type { OptionsOf } from '../../../options.js';
import type { OnProgress } from '../../../progress.js';
import { recipeHash } from '../../recipe/recipe.js';
import { l2Normalised } from '../../recipe/descriptor.js';
import { type ImageList, imageList, itemsOfPart } from '../list.js';
import type { NetIdentity, Recipe } from '../recipe.js';
import { skippedCsv } from '../run-record.js';
import { type DescribedImage, type StoredSkip, PART_SIZE, STORE_FORMAT, parsePartName } from '../store.js';
import { workOfStore } from '../work.js';
import { writePart } from '../writer.js';
import { type Account, checkNames, matchWith } from './account.js';
import { namesOf, vectorColumn } from './columns.js';
import type { storeImportOptions } from './options.js';
import { Spool } from './spool.js';

/** Options of an import. */
export interface ImportOptions extends Partial<OptionsOf<typeof storeImportOptions>> {
  /** Folder of the store. */
  readonly out: string;
  /** The images of a data set, which give ids, paths and labels. Missing: every row is an unlabelled image named by its id. */
  readonly items?: readonly Item[] | undefined;
  /** Replace the descriptors in `out`. */
  readonly force?: boolean | undefined;
  readonly onProgress?: OnProgress;
  /** Stops the import: nothing is written. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of an import. */
export interface Imported {
  readonly account: Account;
  readonly rows: number;
  readonly columns: number;
  readonly layer: string;
  readonly recipe: Recipe;
  readonly hash: string;
  /** Where the rows' names were found. */
  readonly names: string;
  readonly skipped: readonly StoredSkip[];
}

/** The smallest value that rounds to infinity in half precision. */
const BEYOND_FLOAT16 = 65520;
const ENGINE = 'import';
const AT_ONCE = 8;

/** Checksum and size of an image's file; empty if it cannot be read, which does not matter to its descriptor. */
const factsOf = async ({
  source,
  path,
}: Item): Promise<Pick<DescribedImage, 'sha256' | 'width' | 'height'>> => {
  try {
    const bytes = await readImageBytes(source, path);
    const { width, height } = await sharp(bytes, { limitInputPixels: false })
      .metadata()
      .catch(() => ({ width: 0, height: 0 }));
    return { sha256: sha256(bytes), width, height };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return { sha256: '', width: 0, height: 0 };
  }
};

const mapSome = async <T, R>(values: readonly T[], map: (value: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  for (let i = 0; i < values.length; i += AT_ONCE)
    results.push(...(await Promise.all(values.slice(i, i + AT_ONCE).map(map))));
  return results;
};

/** The images of a file without a data set. */
const itemsNamed = (names: readonly string[]): Item[] =>
  names.map((name) => ({ id: name, path: name, source: { file: name }, labels: [] }));

/** Refuses numbers that are not finite, or too large for the store, by the name of their row. */
const checkNumbers = (
  data: Float32Array,
  width: number,
  start: number,
  names: readonly string[],
  places: Int32Array,
  { store }: Pick<Recipe, 'store'>,
): void => {
  const limit = store === 'float16' ? BEYOND_FLOAT16 : Infinity;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (Math.abs(value) < limit) continue;
    const row = Math.floor(i / width);
    if (places[row]! < 0) continue;
    const where = `row ${start + row} (${names[start + row] ?? 'without an id'}), number ${i % width}`;
    if (Number.isFinite(value)) {
      throw expected(
        'numbers that half precision holds',
        where,
        value,
        text`Give ${option('store')} float32.`,
      );
    }
    throw expected('finite numbers', where, value, 'Leave this row out, or compute it again.');
  }
};

/** Copies the vectors of a table to their places in the spool. @returns the length of a vector */
const spoolRows = async (
  table: ForeignTable,
  column: string,
  names: readonly string[],
  places: Int32Array,
  recipe: Recipe,
  path: string,
  { onProgress, signal }: ImportOptions,
): Promise<{ spool: Spool; width: number }> => {
  let spool: Spool | undefined;
  let width = 0;
  let done = 0;
  try {
    for await (const { rows, data } of table.numbers(column)) {
      if (signal?.aborted) throw new InterruptedError('Interrupted: nothing was written.');
      if (rows === 0) continue;
      if (!spool) {
        width = data.length / rows;
        if (width === 0) throw expected('vectors', `${column} of ${table.path}`, 'none');
        spool = await Spool.open(path, width);
      }
      const own = places.subarray(done, done + rows);
      if (done + rows > places.length)
        throw expected(`${places.length} rows, one for each id`, table.path, 'more rows');
      checkNumbers(data, width, done, names, own, recipe);
      if (recipe.descriptorNorm === 'l2') {
        for (let row = 0; row < rows; row++)
          data.set(l2Normalised(data.subarray(row * width, (row + 1) * width)), row * width);
      }
      await spool.write(data, own);
      done += rows;
      onProgress?.({ task: 'import', done, total: places.length, unit: 'rows' });
    }
    if (!spool || done !== places.length)
      throw expected(`${places.length} rows, one for each id`, table.path, `${done} rows`);
    return { spool, width };
  } catch (error) {
    await spool?.close();
    throw error;
  }
};

/** Writes the parts of the store into a folder. */
const writeParts = async (
  folder: string,
  list: ImageList,
  rowsBefore: readonly number[],
  spool: Spool,
  width: number,
  facts: { readonly recipe: Recipe; readonly nets: readonly NetIdentity[]; readonly hash: string },
  skips: ReadonlyMap<string, StoredSkip>,
  { items, onProgress, signal }: ImportOptions,
): Promise<void> => {
  const [layer] = facts.recipe.layers as [string];
  let done = 0;
  const write = async (part: number): Promise<void> => {
    if (signal?.aborted) throw new InterruptedError('Interrupted: nothing was written.');
    const own = itemsOfPart(list, part);
    const described = own.filter(({ id }) => !skips.has(id));
    const matrix = await spool.read(rowsBefore[part]!, described.length);
    const images = items
      ? await mapSome(described, factsOf)
      : described.map(() => ({ sha256: '', width: 0, height: 0 }));
    const rows = described.map(({ id, path, labels }, row): DescribedImage => ({
      id,
      path,
      labels,
      ...images[row]!,
      descriptors: { [layer]: rowOf(matrix, row) },
    }));
    await writePart(
      folder,
      {
        format: STORE_FORMAT,
        ...facts,
        engine: ENGINE,
        list: list.hash,
        images: list.items.length,
        part,
        parts: list.parts,
        skipped: own.flatMap(({ id }) => skips.get(id) ?? []),
      },
      rows,
      { [layer]: width },
    );
    onProgress?.({ task: 'write', done: ++done, total: list.parts, unit: 'parts' });
  };
  // Several at once: each waits for the disk.
  await mapSome([...Array(list.parts).keys()], write);
};

/** Moves the parts to their folder, in place of those that are there. */
const moveParts = async (from: string, out: string, skipped: readonly StoredSkip[]): Promise<void> => {
  await makeOutputFolder(out);
  for (const name of await readdir(out)) {
    if (parsePartName(name) || /^(run|skipped)(-\d+-of-\d+)?\.(json|csv)$/.test(name))
      await rm(join(out, name));
  }
  for (const name of (await readdir(from)).filter((each) => parsePartName(each)))
    await rename(join(from, name), join(out, name));
  if (skipped.length > 0) await writeFileAtomically(join(out, 'skipped.csv'), skippedCsv(skipped));
};

const refuseUsed = async (out: string, force: boolean | undefined): Promise<void> => {
  if (force || (await isEmptyFolder(out, OUTPUT_MARKER).catch(() => true))) return;
  throw new UsageError(
    text`The folder ${out} given for ${option('out')} already holds files. Choose another folder, or add ${option('force')} to replace the descriptors in it.`,
  );
};

/**
 * Writes the vectors of a file as a store. Rows are read a block at a time, so that files may be larger than memory.
 *
 * @param file .npy, .npz, Parquet, Arrow, CSV, HDF5, or torch's .pt
 * @throws UsageError naming the file, row or id at fault: ids that do not match the data set, an id that is there twice,
 *   another number of rows than ids, numbers that are not finite, pickled objects. Nothing is written then
 */
export const importFeatures = async (file: string, options: ImportOptions): Promise<Imported> => {
  const { out, layer = 'features', descriptorNorm = 'none', force } = options;
  requireFile(file, { what: 'file of descriptors' });
  await refuseUsed(out, force);
  await makeFolder(dirname(out));
  const scratch = join(dirname(out), `.${basename(out)}.import-${process.pid}`);
  let table: ForeignTable | undefined;
  let spool: Spool | undefined;
  try {
    await mkdir(scratch, { recursive: true });
    table = await openTable(file, scratch);
    const column = vectorColumn(table, options.column);
    const { names, from } = await namesOf(table, options, column.rows, scratch);
    checkNames(names, from);
    const name = options.name ?? basename(file);
    const recipe: Recipe = {
      layers: [layer],
      scales: [],
      aggregate: 'average',
      flip: false,
      descriptorNorm,
      region: 'image',
      crops: 1,
      interpolation: defaultInterpolation,
      orient: false,
      precision: 'fp32',
      store: options.store ?? (column.half ? 'float16' : 'float32'),
      source: { name, file: basename(file), format: table.format, column: column.name },
    };
    const nets: NetIdentity[] = [{ sha256: await sha256OfFile(file), config: name, kind: 'imported' }];
    const facts = { recipe, nets, hash: recipeHash(recipe, nets) };
    const items = options.items ?? itemsNamed(names);
    const { account, images } = options.items
      ? matchWith(names, items, from, options)
      : {
          account: {
            matched: names.length,
            unmatchedRows: { count: 0, first: [] },
            missingImages: { count: 0, first: [] },
          },
          images: Int32Array.from(names.keys()),
        };
    const list = imageList(items, recipe);
    const having = new Set([...images].filter((image) => image >= 0).map((image) => items[image]!.id));
    const skips = new Map(
      list.items
        .filter(({ id }) => !having.has(id))
        .map(({ id, path }): [string, StoredSkip] => [
          id,
          { id, path, reason: `${basename(file)} has no row of it` },
        ]),
    );
    // The place of each image among those with a row, in the order of the store.
    const placeOf = new Map<string, number>();
    const rowsBefore: number[] = [];
    list.items.forEach(({ id }, i) => {
      if (i % PART_SIZE === 0) rowsBefore.push(placeOf.size);
      if (having.has(id)) placeOf.set(id, placeOf.size);
    });
    const places = images.map((image) => (image < 0 ? -1 : placeOf.get(items[image]!.id)!));
    const read = await spoolRows(table, column.name, names, places, recipe, join(scratch, 'rows'), options);
    spool = read.spool;
    await writeParts(scratch, list, rowsBefore, spool, read.width, facts, skips, options);
    await moveParts(scratch, out, [...skips.values()]);
    await recordWork(out, 'features import', {
      ...workOfStore({ ...facts, engine: ENGINE }),
      file: { is: nets[0]!.sha256, shown: file },
    });
    return {
      account,
      rows: account.matched,
      columns: read.width,
      layer,
      recipe,
      hash: facts.hash,
      names: from,
      skipped: [...skips.values()],
    };
  } finally {
    await spool?.close();
    await table?.close();
    await rm(scratch, { recursive: true, force: true });
  }
};
