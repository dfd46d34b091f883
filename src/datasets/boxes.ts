// A table of boxes: persons (or things) in images, for models that describe a part of an image.
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { expected, option } from '../errors.js';
import { CORNERS, rowsOf } from './csv.js';
import { requireFile } from '../io/readable.js';
import type { Item } from './dataset.js';

/**
 * Reads a CSV table with the columns path, xmin, ymin, xmax, ymax: a row a box. Corners are as in VOC's
 * annotations, in pixels counted from 1 and inside the box; paths are relative to the table's folder or
 * absolute.
 *
 * @returns an item a row, without labels; its id is the path with `#` and which of the image's boxes it is,
 * from 1
 * @throws UsageError naming the file and the line: a column missing, an invalid number, an empty box, an
 * image that does not exist
 */
export const readBoxes = async (table: string): Promise<Item[]> => {
  const items: Item[] = [];
  const seen = new Map<string, number>();
  requireFile(table, { what: 'table of boxes', where: option('boxes'), inside: ['*.csv'] });
  for await (const { line, fields } of rowsOf(table)) {
    const where = `${table} line ${line}`;
    const missing = ['path', ...CORNERS].find((column) => !Object.hasOwn(fields, column));
    if (missing) throw expected(`a column "${missing}"`, table, Object.keys(fields));
    const path = fields['path']!;
    const file = resolve(dirname(table), path);
    const there = await stat(file).catch(() => undefined);
    if (path === '' || !there?.isFile()) throw expected('an image file', where, path, 'There is none.');
    const [left, top, right, bottom] = CORNERS.map((column) => {
      const value = Number(fields[column]!.trim().replace(',', '.') || NaN);
      if (!Number.isInteger(value)) throw expected('a whole number', `${column} of ${where}`, fields[column]);
      return value;
    }) as [number, number, number, number];
    if (left < 1 || top < 1 || right < left || bottom < top) {
      throw expected('a box with 1 <= xmin <= xmax and 1 <= ymin <= ymax', where, [left, top, right, bottom]);
    }
    const number = (seen.get(file) ?? 0) + 1;
    seen.set(file, number);
    const box = { x: left - 1, y: top - 1, width: right - left + 1, height: bottom - top + 1 };
    items.push({ id: `${path}#${number}`, path, source: { file }, labels: [], box });
  }
  if (items.length === 0) throw expected('rows of boxes', table, 'none');
  return items;
};
