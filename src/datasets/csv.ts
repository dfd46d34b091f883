// A table of images: a CSV file with a column of paths, a column of labels and, if wanted, a column of splits.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { UsageError, VerydeepError, codeOf, expected, option, text } from '../errors.js';
import { readReason, sentence } from '../io/readable.js';
import { byCode, bySplit } from './common.js';
import { boxOfCorners } from './corners.js';
import type { Box, Dataset, Item, LabelledBox } from './dataset.js';
import { remarksOn } from './remarks.js';
import { namesOfSplits } from './split-names.js';
import { listFolder } from './walk.js';

export interface CsvOptions {
  /** Column of image paths, relative to the CSV file's folder or absolute. Default "path". */
  readonly pathColumn?: string;
  /** Column of labels. Default "label", where the table has such a column; else no image has a label. */
  readonly labelColumn?: string;
  /**
   * Column of splits. Default "split", where the table has such a column; else all images are in one split,
   * "all".
   */
  readonly splitColumn?: string;
  /** Separates several labels in one field ("cat|dog"). Where given, a field may also be empty: no label. */
  readonly labelSeparator?: string;
  /** Field delimiter, a character or `tab`. By default it is recognised by the header: a comma, semicolon, tab or bar. */
  readonly delimiter?: string;
}

/** One row of a table: its line, and its fields by column. */
export interface Row {
  readonly line: number;
  readonly fields: Readonly<Record<string, string>>;
}

const CHECKED_AT_ONCE = 32;

/** The path of the table; for a folder, the only table in it. */
const tableAt = async (path: string): Promise<string> => {
  try {
    if (!(await stat(path)).isDirectory()) return path;
  } catch (error) {
    const advice = codeOf(error) === 'ENOENT' ? undefined : sentence(readReason(error));
    throw expected('an existing CSV file', option('data'), path, advice);
  }
  const tables = (await listFolder(path)).files.filter((name) => /\.(csv|tsv)$/i.test(name));
  if (tables.length === 1) return join(path, tables[0]!);
  const received = tables.length === 0 ? 'a folder without any' : tables;
  throw expected('one CSV file', option('data'), received, `Give the path of the file itself, in ${path}.`);
};

/** Names for delimiters that are hard to type. */
const named: Readonly<Record<string, string>> = {
  tab: '\t',
  '\\t': '\t',
  comma: ',',
  semicolon: ';',
  bar: '|',
  pipe: '|',
  space: ' ',
};

/** Those that are recognised, the usual first. */
const DELIMITERS = [',', ';', '\t', '|'];

/** The delimiter of an option: a character, or its name. */
const delimiterNamed = (given: string): string => {
  const delimiter = named[given] ?? given;
  if (delimiter.length === 1 && !/["\r\n]/.test(delimiter)) return delimiter;
  throw expected('one character, or "tab"', option('delimiter'), given);
};

/**
 * The delimiter of a header: the one that yields the column `wanted`, else the most frequent outside quotes.
 */
const delimiterOf = (header: string, wanted: string): string => {
  const bare = header.replace(/"[^"]*"/g, (quoted) => '_'.repeat(quoted.length));
  const columns = (delimiter: string): string[] =>
    bare
      .split(delimiter)
      .reduce<[string[], number]>(
        ([fields, at], { length }) => [[...fields, header.slice(at, at + length)], at + length + 1],
        [[], 0],
      )[0]
      .map((field) =>
        field
          .trim()
          .replace(/^"(.*)"$/, '$1')
          .trim(),
      );
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, fields: columns(delimiter) }));
  const having = counts.filter(({ fields }) => fields.includes(wanted) && fields.length > 1);
  const best = (having.length > 0 ? having : counts).reduce((a, b) =>
    b.fields.length > a.fields.length ? b : a,
  );
  return best.delimiter;
};

const MAX_HEADER = 2 ** 20;

/** Reads until the first line is whole; gives it, and the whole stream again. */
const firstLine = async (file: string): Promise<{ line: string; whole: AsyncIterable<Buffer> }> => {
  const chunks = createReadStream(file)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < MAX_HEADER && !/[\r\n]./s.test(head.toString('latin1'))) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  };
  const isWide = head[0] === 0xff && head[1] === 0xfe;
  const start = head.toString(isWide ? 'utf16le' : 'utf8').replace(/^\uFEFF/, '');
  return { line: start.split(/\r\n|\r|\n/).find((line) => line.trim() !== '') ?? '', whole: whole() };
};

/**
 * The rows of a table with a header, one by one, with their lines. A first line `sep=;`, as Excel writes it, names the
 * delimiter.
 *
 * @param delimiter recognised by the header where missing
 * @param wanted a column by which it is recognised
 * @throws UsageError naming the table, when it is malformed or not in UTF-8
 */
export const rowsOf = async function* (
  file: string,
  delimiter?: string,
  wanted = 'path',
): AsyncGenerator<Row> {
  try {
    const { line, whole } = await firstLine(file);
    const [, told] = /^sep=(.)$/i.exec(line.trim()) ?? [];
    const parser = Readable.from(whole).pipe(
      parse({
        bom: true,
        columns: (header: string[]) => header.map((name) => name.trim()),
        delimiter: delimiter === undefined ? (told ?? delimiterOf(line, wanted)) : delimiterNamed(delimiter),
        ...(told !== undefined && { from_line: 2 }),
        info: true,
        skip_empty_lines: true,
        trim: true,
      }),
    );
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      if (Object.values(record).some((field) => field.includes('\uFFFD'))) {
        throw expected('UTF-8', `${file} line ${info.lines}`, record, 'Save the table as "CSV UTF-8".');
      }
      yield { line: info.lines, fields: record };
    }
  } catch (error) {
    if (error instanceof VerydeepError) throw error;
    throw new UsageError(`Cannot read the table ${file}: ${readReason(error)}.`);
  }
};

/** Advice for a path without a file. */
const adviceOn = async (file: string): Promise<string> => {
  const isThere = (path: string): Promise<boolean> =>
    stat(path).then(
      (entry) => entry.isFile(),
      () => false,
    );
  if (await isThere(file.replaceAll('\\', '/')))
    return 'There is none; write / in place of \\ between folders.';
  for (const form of ['NFC', 'NFD']) {
    if (await isThere(file.normalize(form))) {
      return `There is none, but one whose name has another Unicode form (${form}): write it as the disk does.`;
    }
  }
  return 'There is none.';
};

/** Columns of a box: inclusive corners that count pixels from 1, as in VOC. */
export const CORNERS = ['xmin', 'ymin', 'xmax', 'ymax'] as const;

/** The box of a row; undefined if its fields are empty. @throws UsageError naming the table and the line */
const boxIn = (fields: Row['fields'], table: string, line: number): Box | undefined => {
  const missing = CORNERS.find((column) => !Object.hasOwn(fields, column));
  if (missing) throw expected(`a column "${missing}"`, table, Object.keys(fields), 'A box has four corners.');
  const corners = CORNERS.map((column) => fields[column]!);
  return corners.every((corner) => corner === '')
    ? undefined
    : boxOfCorners(corners, `${table} line ${line}`, 1);
};

/** Throws for the first missing image, with its line. */
const requireFiles = async (table: string, items: readonly { item: Item; line: number }[]): Promise<void> => {
  for (let i = 0; i < items.length; i += CHECKED_AT_ONCE) {
    await Promise.all(
      items.slice(i, i + CHECKED_AT_ONCE).map(async ({ item, line }) => {
        const found = await stat(item.source.file).then(
          (entry) => entry.isFile(),
          () => false,
        );
        if (found) return;
        const where = `${table} line ${line}`;
        throw expected('an image file', where, item.source.file, await adviceOn(item.source.file));
      }),
    );
  }
};

/**
 * Reads a table of images, with labels or without. Fields may be quoted; an image may have several labels, by several rows with the same path or
 * by `labelSeparator` within a field.
 *
 * @param path the CSV file, or a folder that holds one
 * @throws UsageError naming the file, and the line where there is one: no such file, a missing column, a malformed row,
 *   an empty path or label, an image in two splits, an image that does not exist
 */
export const readCsv = async (
  path: string,
  options: CsvOptions & { readonly boxes?: boolean } = {},
): Promise<Dataset> => {
  const { pathColumn = 'path', labelColumn = 'label', splitColumn = 'split', labelSeparator } = options;
  const table = await tableAt(resolve(path));
  const root = dirname(table);
  const delimiter = options.delimiter ?? (/\.(tsv|tab)$/i.test(table) ? 'tab' : undefined);
  let columns: readonly string[] | undefined;
  /** The first row without a label. */
  let empty: string | undefined;
  const images = new Map<
    string,
    { source: string; labels: Set<string>; split: string; line: number; boxes: LabelledBox[] }
  >();
  for await (const { line, fields } of rowsOf(table, delimiter, pathColumn)) {
    const where = `${table} line ${line}`;
    const given = [options.labelColumn, options.splitColumn].filter((column) => column !== undefined);
    for (const column of [pathColumn, ...given]) {
      if (!Object.hasOwn(fields, column)) {
        throw expected(
          `a column "${column}"`,
          table,
          Object.keys(fields),
          text`Name the columns of your table with ${option('pathColumn')}, ${option('labelColumn')} and ${option('splitColumn')}; ${option('delimiter')} says what separates them.`,
        );
      }
    }
    const name = fields[pathColumn]!;
    if (name === '') throw expected('a path', `column "${pathColumn}" of ${where}`, name);
    const field = fields[labelColumn];
    columns ??= Object.keys(fields);
    const labels = (labelSeparator === undefined ? [field ?? ''] : (field ?? '').split(labelSeparator))
      .map((label) => label.trim())
      .filter((label) => label !== '');
    if (labels.length === 0) empty ??= where;
    const split = fields[splitColumn] ?? 'all';
    if (split === '') throw expected('a split', `column "${splitColumn}" of ${where}`, split);
    const source = resolve(root, name);
    const id = isAbsolute(name) ? source : relative(root, source).split(sep).join('/');
    const box = options.boxes ? boxIn(fields, table, line) : undefined;
    const boxes = box ? labels.map((label): LabelledBox => ({ label, box })) : [];
    const image = images.get(id);
    image?.boxes.push(...boxes);
    if (image === undefined) images.set(id, { source, labels: new Set(labels), split, line, boxes });
    else if (image.split !== split) {
      throw expected(`the split "${image.split}" of line ${image.line} again`, `${where} (${name})`, split);
    } else labels.forEach((label) => image.labels.add(label));
  }
  if (images.size === 0) throw expected('rows of images', table, 'none');
  const classes = [...new Set([...images.values()].flatMap(({ labels }) => [...labels]))].sort(byCode);
  if (empty !== undefined && classes.length > 0 && labelSeparator === undefined) {
    throw expected(
      'a label',
      `column "${labelColumn}" of ${empty}`,
      '',
      text`With ${option('labelSeparator')} images may have no label.`,
    );
  }
  const items = [...images].map(([id, { source, labels, split, line, boxes }]) => {
    const item: Item = {
      ...{ id, path: id, source: { file: source }, labels: [...labels].sort(byCode) },
      ...(boxes.length > 0 && { boxes }),
    };
    return { item, split, line };
  });
  await requireFiles(table, items);
  const names = namesOfSplits(items.map(({ split }) => split));
  const splits = bySplit(items.map(({ item, split }) => [names.get(split)!, item]));
  const remarks = remarksOn({ classes, splits });
  const unlabelled = classes.length === 0 && {
    unlabelled: {
      reason: columns?.includes(labelColumn)
        ? `the column "${labelColumn}" of ${table} is empty`
        : `${table} has no column "${labelColumn}" (its columns are ${columns?.join(', ')})`,
      advice: text`Name the column of labels with ${option('labelColumn')}.`,
    },
  };
  return {
    ...{ name: 'csv', root, classes, splits, strays: [] },
    ...unlabelled,
    ...(remarks.length > 0 && { remarks }),
  };
};
