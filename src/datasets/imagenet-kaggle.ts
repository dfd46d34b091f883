// Reads Kaggle's files for ILSVRC: the list of synsets, and the labels of the validation images.
import { existsSync } from 'node:fs';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse';
import { UsageError, VerydeepError, expected, messageOf } from '../errors.js';

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
      const wnid = boxes.split(/\s+/)[0]!;
      if (!WNID.test(wnid))
        throw expected('a WNID first', `PredictionString in line ${info.lines} of ${path}`, boxes);
      solution.set(id, wnid);
    }
  } catch (error) {
    if (error instanceof VerydeepError) throw error;
    throw new UsageError(`Cannot read the table ${path}: ${messageOf(error)}.`);
  }
  return solution;
};
