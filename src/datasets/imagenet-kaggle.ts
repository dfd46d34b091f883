// Reads Kaggle's files for ILSVRC: the list of synsets, and the labels of the validation images.
import { existsSync } from 'node:fs';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse';
import { UsageError, VerydeepError, expected, messageOf } from '../errors.js';
import { boxOfCorners } from './corners.js';
import type { LabelledBox } from './dataset.js';

const WNID = /^n\d{8}$/;

/** The path of `name` in the first of `folders` that contains it. */
const findIn = (folders: readonly string[], name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find(existsSync);

/**
 * Reads WNIDs and words from `LOC_synset_mapping.txt`, with lines such as "n01440764 tench, Tinca tinca".
 *
 * @returns undefined if no folder contains the file
 * @throws UsageError naming file and line
 */
export const readSynsetMapping = async (
  folders: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> => {
  const path = findIn(folders, 'LOC_synset_mapping.txt');
  if (path === undefined) return undefined;
  const lines = (await readFile(path, 'utf8')).trimEnd().split(/\r?\n/);
  return new Map(
    lines.map((line, i): [string, string] => {
      const blank = line.indexOf(' ');
      const [wnid, words] = [line.slice(0, blank), line.slice(blank + 1).trim()];
      if (!WNID.test(wnid)) throw expected('a WNID, a blank and words', `line ${i + 1} of ${path}`, line);
      return [wnid, words];
    }),
  );
};

/** An image's row: its boxes as text, and its line. */
interface SolutionRow {
  readonly id: string;
  readonly boxes: string;
  readonly line: number;
}

/** The rows of a solution, with the columns `ImageId,PredictionString`. @throws UsageError naming the table */
const rowsOfSolution = async function* (path: string): AsyncGenerator<SolutionRow> {
  const rows = createReadStream(path).pipe(
    parse({ bom: true, columns: true, info: true, skip_empty_lines: true, trim: true }),
  );
  try {
    for await (const { record, info } of rows as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      const [id, boxes] = [record['ImageId'], record['PredictionString']];
      if (id === undefined || boxes === undefined) {
        throw expected('columns ImageId and PredictionString', path, Object.keys(record));
      }
      yield { id, boxes, line: info.lines };
    }
  } catch (error) {
    if (error instanceof VerydeepError) throw error;
    throw new UsageError(`Cannot read the table ${path}: ${messageOf(error)}.`);
  }
};

/**
 * Reads image ids (file names without extension) and WNIDs from `LOC_val_solution.csv`. Its columns are
 * `ImageId,PredictionString`, its rows in any order; the string holds `wnid xmin ymin xmax ymax` for each box.
 *
 * @returns undefined if no folder contains the file
 * @throws UsageError naming file and line
 */
export const readValidationSolution = async (
  folders: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> => {
  const path = findIn(folders, 'LOC_val_solution.csv');
  if (path === undefined) return undefined;
  const solution = new Map<string, string>();
  for await (const { id, boxes, line } of rowsOfSolution(path)) {
    const wnid = boxes.split(/\s+/)[0]!;
    if (!WNID.test(wnid))
      throw expected('a WNID first', `PredictionString in line ${line} of ${path}`, boxes);
    solution.set(id, wnid);
  }
  return solution;
};

/** `wnid xmin ymin xmax ymax` as often as there are boxes. */
const parseBoxes = (text: string, where: string): LabelledBox[] => {
  const parts = text.trim().split(/\s+/);
  if (parts.length % 5 !== 0) throw expected('a WNID and four corners for each box', where, text);
  return Array.from({ length: parts.length / 5 }, (_, i) => {
    const [label, ...corners] = parts.slice(5 * i, 5 * i + 5) as [string, ...string[]];
    if (!WNID.test(label)) throw expected('a WNID before each box', where, label);
    return { label, box: boxOfCorners(corners, where) };
  });
};

/** The boxes of a split's images. */
interface Solution {
  readonly path: string;
  /** By the image's name without extension. */
  readonly boxes: ReadonlyMap<string, { readonly boxes: readonly LabelledBox[]; readonly line: number }>;
}

/**
 * Reads the boxes in `LOC_train_solution.csv` or `LOC_val_solution.csv`; corners count pixels from 0 and are inside.
 *
 * @returns undefined if no folder contains the file
 * @throws UsageError naming file and line
 */
export const readSolution = async (
  folders: readonly string[],
  split: string,
): Promise<Solution | undefined> => {
  const path = findIn(folders, `LOC_${split}_solution.csv`);
  if (path === undefined) return undefined;
  const boxes = new Map<string, { boxes: LabelledBox[]; line: number }>();
  for await (const row of rowsOfSolution(path)) {
    const where = `PredictionString in line ${row.line} of ${path}`;
    boxes.set(row.id, { boxes: parseBoxes(row.boxes, where), line: row.line });
  }
  return { path, boxes };
};
