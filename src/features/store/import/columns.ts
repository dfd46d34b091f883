// Which column of a foreign file holds the vectors, and which names the rows.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError, expected, option, text } from '../../../errors.js';
import { openError, readReason, requireFile } from '../../../io/readable.js';
import { openTable } from '../../../formats/table/open.js';
import type { ForeignTable, TableColumn } from '../../../formats/table/table.js';

/** Usual names of the column that names images, the likeliest first; "" and the next are those of pandas' index. */
const ID_NAMES = [
  'id', 'ids', 'image_id', 'image_ids', 'image_name', 'image_names', 'path', 'paths', 'image_path', 'img_path', 'filename', 'filenames', 'file_name',
  'file_names', 'filepath', 'file', 'files', 'image', 'images', 'img', 'name', 'names', 'fname', 'key', 'keys', '__key__',
  '__index_level_0__', 'index', '',
]; // prettier-ignore

const named = (columns: readonly TableColumn[]): string =>
  columns.map(({ name }) => (name === '' ? '(nameless)' : name)).join(', ');

/** The column of vectors. @throws UsageError listing those there are, if there is none or the choice is open */
export const vectorColumn = ({ path, columns }: ForeignTable, asked: string | undefined): TableColumn => {
  const vectors = columns.filter(({ kind }) => kind === 'numbers');
  if (asked !== undefined) {
    const found = vectors.find(({ name }) => name === asked);
    if (!found) throw expected(`one of ${named(vectors)}`, option('column'), asked, `These are in ${path}.`);
    return found;
  }
  if (vectors.length === 0) {
    throw expected(
      'a column of vectors, or columns of numbers named x_0, x_1, …',
      path,
      columns.map(({ name }) => name),
    );
  }
  if (vectors.length > 1) {
    throw new UsageError(
      text`${path} holds several columns of vectors: ${named(vectors)}. Name one with ${option('column')}.`,
    );
  }
  return vectors[0]!;
};

/** The column that names rows; undefined if there is none. @throws UsageError if the choice is open */
const idColumn = ({ path, columns }: ForeignTable, asked: string | undefined): string | undefined => {
  const texts = columns.filter(({ kind }) => kind === 'texts');
  if (asked !== undefined) {
    const found = texts.find(({ name }) => name === asked);
    if (!found)
      throw expected(
        `one of ${named(texts) || 'no columns'}`,
        option('idColumn'),
        asked,
        `These are in ${path}.`,
      );
    return found.name;
  }
  const usual = ID_NAMES.find((name) => texts.some((column) => column.name.toLowerCase() === name));
  const found =
    texts.find(({ name }) => name.toLowerCase() === usual) ?? (texts.length === 1 ? texts[0] : undefined);
  if (!found && texts.length > 1) {
    throw new UsageError(
      text`${path} holds several columns that may name the images: ${named(texts)}. Name one with ${option('idColumn')}.`,
    );
  }
  return found?.name;
};

/** The lines of a text; one at the end may be empty. */
const linesOf = async (path: string): Promise<string[]> => {
  const lines = (await readFile(path, 'utf8')).replace(/^\uFEFF/, '').split(/\r\n|\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => line.trim());
};

/** Texts that name rows, of a file that has nothing else to say. */
const namesIn = async (path: string, column: string | undefined, scratch: string): Promise<string[]> => {
  requireFile(path, { what: 'file of ids', where: option('ids') });
  if (/\.(txt|lst|list)$/i.test(path) || !/\.[a-z0-9]+$/i.test(path)) return linesOf(path);
  if (/\.json$/i.test(path)) {
    try {
      const value: unknown = JSON.parse(await readFile(path, 'utf8'));
      if (Array.isArray(value) && value.every((each) => typeof each === 'string' || typeof each === 'number'))
        return value.map(String);
    } catch (error) {
      throw openError(path, { what: 'file of ids', where: option('ids') }, readReason(error));
    }
    throw expected('a list of texts', path, 'something else');
  }
  const table = await openTable(path, scratch);
  try {
    const found = idColumn(table, column);
    if (found === undefined) throw expected('a column of texts', path, named(table.columns));
    return await table.texts(found);
  } finally {
    await table.close();
  }
};

/** Names of files beside one without names of its own, as `features export` and others write them. */
const beside = (path: string): string | undefined => {
  const bare = path.replace(/\.[^./]+$/, '');
  return [`${bare}.csv`, `${bare}.txt`, `${bare}.ids.txt`, `${path}.csv`].find(
    (each) => each !== path && existsSync(each),
  );
};

/** The names of the rows, and where they were found. */
export interface Names {
  readonly names: readonly string[];
  readonly from: string;
}

/**
 * The name of each row of a table: from a file of its own, a column, or the list beside it.
 *
 * @throws UsageError if there are none, or not as many as rows
 */
export const namesOf = async (
  table: ForeignTable,
  { ids, idColumn: asked }: { readonly ids?: string | undefined; readonly idColumn?: string | undefined },
  rows: number | undefined,
  scratch: string,
): Promise<Names> => {
  const own = ids === undefined ? idColumn(table, asked) : undefined;
  const file = own === undefined ? (ids ?? beside(table.path)) : undefined;
  if (own === undefined && file === undefined) {
    throw expected(
      'a file that names the image of each row',
      option('ids'),
      undefined,
      `${table.path} does not say which image a row is of.`,
    );
  }
  const from = own === undefined ? file! : `the column ${own} of ${table.path}`;
  const names = own === undefined ? await namesIn(file!, asked, scratch) : await table.texts(own);
  if (rows !== undefined && names.length !== rows)
    throw expected(`${rows} ids, one for each row of ${table.path}`, from, `${names.length} ids`);
  return { names, from };
};
