// A table of images: a CSV file with a column of paths, a column of labels and, if wanted, a column of splits.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { parse } from 'csv-parse';
import { codeOf, expected, messageOf, option, UsageError, VerydeepError, text } from '../errors.js';
import { byCode, bySplit, entriesOf } from './common.js';
import type { Dataset, Item } from './dataset.js';

export interface CsvOptions {
  /** Column of image paths, relative to the CSV file's folder or absolute. Default "path". */
  readonly pathColumn?: string;
  /** Column of labels. Default "label". */
  readonly labelColumn?: string;
  /** Column of splits. Default "split", where the table has such a column; else all is one split, "all". */
  readonly splitColumn?: string;
  /** Separates several labels in one field ("cat|dog"). Where given, a field may also be empty: no label. */
  readonly labelSeparator?: string;
  /** Field delimiter. Default a comma; a tab for files that end in `.tsv`. */
  readonly delimiter?: string;
}

/** One row of a table: its line, and its fields by column. */
export interface Row {
  readonly line: number;
  readonly fields: Readonly<Record<string, string>>;
}

const CHECKED_AT_ONCE = 32;

/** The table itself where a folder is given that holds exactly one. */
const tableAt = async (path: string): Promise<string> => {
  try {
    if (!(await stat(path)).isDirectory()) return path;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw expected('an existing CSV file', option('data'), path);
    throw new UsageError(text`Cannot read ${path} given for ${option('data')}: ${messageOf(error)}.`);
  }
  const tables = (await entriesOf(path))
    .filter(({ name }) => /\.(csv|tsv)$/i.test(name))
    .map(({ name }) => name);
  if (tables.length === 1) return join(path, tables[0]!);
  throw expected('one CSV file', option('data'), tables, `Give the path of the file itself, in ${path}.`);
};

/**
 * The rows of a table with a header, one by one, with their lines.
 *
 * @throws UsageError naming the table, when it is malformed
 */
export const rowsOf = async function* (file: string, delimiter: string): AsyncGenerator<Row> {
  const parser = createReadStream(file).pipe(
    parse({
      bom: true,
      columns: (header: string[]) => header.map((name) => name.trim()),
      delimiter,
      info: true,
      skip_empty_lines: true,
      trim: true,
    }),
  );
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      yield { line: info.lines, fields: record };
    }
  } catch (error) {
    if (error instanceof VerydeepError) throw error;
    throw new UsageError(`Cannot read the table ${file}: ${messageOf(error)}.`);
  }
};

/** Names the first image that is not there, with its line. */
const requireFiles = async (table: string, items: readonly { item: Item; line: number }[]): Promise<void> => {
  for (let i = 0; i < items.length; i += CHECKED_AT_ONCE) {
    await Promise.all(
      items.slice(i, i + CHECKED_AT_ONCE).map(async ({ item, line }) => {
        const found = await stat(item.source.file).then(
          (entry) => entry.isFile(),
          () => false,
        );
        if (!found)
          throw expected('an image file', `${table} line ${line}`, item.source.file, 'There is none.');
      }),
    );
  }
};

/**
 * Reads a table of images. Fields may be quoted; an image may have several labels, by several rows with the same path or
 * by `labelSeparator` within a field.
 *
 * @param path the CSV file, or a folder that holds one
 * @throws UsageError naming the file, and the line where there is one: no such file, a missing column, a malformed row,
 *   an empty path or label, an image in two splits, an image that does not exist
 */
export const readCsv = async (path: string, options: CsvOptions = {}): Promise<Dataset> => {
  const { pathColumn = 'path', labelColumn = 'label', splitColumn = 'split', labelSeparator } = options;
  const table = await tableAt(resolve(path));
  const root = dirname(table);
  const delimiter = options.delimiter ?? (/\.tsv$/i.test(table) ? '\t' : ',');
  const images = new Map<string, { source: string; labels: Set<string>; split: string; line: number }>();
  for await (const { line, fields } of rowsOf(table, delimiter)) {
    const where = `${table} line ${line}`;
    const needed = [pathColumn, labelColumn, ...(options.splitColumn === undefined ? [] : [splitColumn])];
    for (const column of needed) {
      if (!Object.hasOwn(fields, column)) {
        throw expected(`a column "${column}"`, table, Object.keys(fields), 'Name the columns of your table.');
      }
    }
    const name = fields[pathColumn]!;
    if (name === '') throw expected('a path', `column "${pathColumn}" of ${where}`, name);
    const field = fields[labelColumn]!;
    const labels =
      labelSeparator === undefined
        ? [field]
        : field
            .split(labelSeparator)
            .map((label) => label.trim())
            .filter((label) => label !== '');
    if (labels.includes('')) throw expected('a label', `column "${labelColumn}" of ${where}`, field);
    const split = fields[splitColumn] ?? 'all';
    if (split === '') throw expected('a split', `column "${splitColumn}" of ${where}`, split);
    const source = resolve(root, name);
    const id = isAbsolute(name) ? source : relative(root, source).split(sep).join('/');
    const image = images.get(id);
    if (image === undefined) images.set(id, { source, labels: new Set(labels), split, line });
    else if (image.split !== split) {
      throw expected(`the split "${image.split}" of line ${image.line} again`, `${where} (${name})`, split);
    } else labels.forEach((label) => image.labels.add(label));
  }
  if (images.size === 0) throw expected('rows of images', table, 'none');
  const classes = [...new Set([...images.values()].flatMap(({ labels }) => [...labels]))].sort(byCode);
  const items = [...images].map(([id, { source, labels, split, line }]) => {
    const item: Item = { id, path: id, source: { file: source }, labels: [...labels].sort(byCode) };
    return { item, split, line };
  });
  await requireFiles(table, items);
  return {
    name: 'csv',
    root,
    classes,
    splits: bySplit(items.map(({ item, split }) => [split, item])),
    strays: [],
  };
};
