// Opens tables in text (CSV, TSV) with a header: numbers in numbered columns, or as a list in one field. Rows are streamed.
import { parse } from 'csv-parse';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { UsageError, expected, messageOf } from '../../errors.js';
import { isReadError, readReason } from '../../io/readable.js';
import { type Block, type ForeignTable, blockOf, numberedColumns, rowsOfBlock, unreadable } from './table.js';

const DELIMITERS = [',', '\t', ';', '|'];
const FIRST_READ = 1 << 20;

/** The beginning of a file as text. */
const startOf = async (path: string): Promise<string> => {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_READ), 0, FIRST_READ, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
};

/** The delimiter that splits the header into the most columns. */
const delimiterOf = (header: string): string =>
  DELIMITERS.reduce((best, each) => (header.split(each).length > header.split(best).length ? each : best));

/** The numbers of a list in a field: `[0.1, 0.2]`, `0.1 0.2`; undefined if it is none. */
const listOf = (field: string): number[] | undefined => {
  const inner = /^\s*[[(]([^\])]*)[\])]\s*$/.exec(field)?.[1];
  const parts = inner?.trim().split(/[\s,;]+/);
  return parts && parts[0] !== '' ? parts.map(numberOf) : undefined;
};

const numberOf = (field: string): number => (field.trim() === '' ? NaN : Number(field));

/** Opens a table. @throws UsageError naming the file, and the line that is malformed */
export const openDelimited = async (path: string): Promise<ForeignTable> => {
  const wrong = (error: unknown): UsageError =>
    error instanceof UsageError
      ? error
      : unreadable(path, 'text', isReadError(error) ? readReason(error) : messageOf(error));
  const start = await startOf(path).catch((error: unknown) => {
    throw wrong(error);
  });
  const delimiter = delimiterOf(start.split(/\r\n|\r|\n/, 1)[0] ?? '');
  const records = async function* (): AsyncGenerator<string[]> {
    const source = createReadStream(path);
    const parser = source.pipe(parse({ bom: true, delimiter, skip_empty_lines: true, trim: true }));
    source.on('error', (error) => parser.destroy(error));
    try {
      for await (const record of parser) yield record as string[];
    } catch (error) {
      throw wrong(error);
    } finally {
      source.destroy();
    }
  };
  const beginning: string[][] = [];
  for await (const record of records()) if (beginning.push(record) === 2) break;
  const [header = [], first = []] = beginning;
  if (first.length === 0) throw expected('a header, and a row for each image', path, 'no rows');
  const groups = numberedColumns(
    header.filter(
      (_, i) => Number.isFinite(numberOf(first[i] ?? '')) || /^[+-]?(nan|inf)/i.test(first[i] ?? ''),
    ),
  );
  const members = new Set(groups.flatMap((group) => group.members));
  const lists = header.filter((_, i) => listOf(first[i] ?? ''));
  const columnOf = (name: string): number => header.indexOf(name);
  const vectorsOf = (name: string): ((record: string[]) => number[] | undefined) => {
    const group = groups.find((each) => each.name === name)?.members.map(columnOf);
    const column = columnOf(name);
    return group
      ? (record) => group.map((at) => numberOf(record[at] ?? ''))
      : (record) => listOf(record[column] ?? '');
  };
  return {
    path,
    format: 'csv',
    columns: [
      ...[...groups.map(({ name }) => name), ...lists].map((name) => ({ name, kind: 'numbers' as const })),
      ...header
        .filter((name) => !members.has(name) && !lists.includes(name))
        .map((name) => ({ name, kind: 'texts' as const })),
    ],
    texts: async (name) => {
      const texts: string[] = [];
      const column = columnOf(name);
      let row = 0;
      for await (const record of records()) if (row++ > 0) texts.push(record[column] ?? '');
      return texts;
    },
    numbers: async function* (name): AsyncGenerator<Block> {
      const vectorOf = vectorsOf(name);
      const width = vectorOf(first)!.length;
      const most = rowsOfBlock(8 * width);
      let vectors: (number[] | undefined)[] = [];
      let row = -1;
      let begin = 0;
      for await (const record of records()) {
        if (++row === 0) continue; // The header.
        vectors.push(vectorOf(record));
        if (vectors.length < most) continue;
        yield blockOf(path, vectors, begin, width);
        begin += vectors.length;
        vectors = [];
      }
      if (vectors.length > 0) yield blockOf(path, vectors, begin, width);
    },
    close: () => Promise.resolve(),
  };
};
