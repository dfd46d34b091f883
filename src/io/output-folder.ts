// Folders that commands write their results to: they carry a marker, so that no command takes them for a part of a data set.
import { join } from 'node:path';
import { makeFolder, writeFileAtomically } from './files.js';

/** The file that marks a folder of results. */
export const OUTPUT_MARKER = '.verydeep';

const MARKER_TEXT =
  'verydeep wrote this folder. Readers of data sets pass over a folder that holds this file; remove the file to have it read.\n';

/** What folders of results without a marker hold (version 0.1): a row each, of names or forms of names. */
const signs: readonly (readonly (string | RegExp)[])[] = [
  [/^[0-9a-f]{16}-\d{6,}\.arrow$/],
  ['backbone.safetensors'],
  ['checkpoint.safetensors', 'log.jsonl'],
  ['log.jsonl', 'statistics.json'],
  ['results.json', 'report.html'],
  ['results.json', 'results.csv'],
  [/^split-\d+\.safetensors$/],
  [/^primal-.*\.safetensors$/],
  ['model.json', /^group1-shard\d+of\d+(\.bin)?$/],
];

/** Whether a folder with these entries is one that a command wrote its results to. */
export const isOutputFolder = (names: readonly string[]): boolean => {
  const all = new Set(names);
  return (
    all.has(OUTPUT_MARKER) ||
    signs.some((row) =>
      row.every((sign) => (typeof sign === 'string' ? all.has(sign) : names.some((name) => sign.test(name)))),
    )
  );
};

/**
 * Makes a folder for results, as {@link makeFolder} does, and marks it.
 *
 * @throws UsageError as `makeFolder`
 */
export const makeOutputFolder = async (path: string, ...where: [] | [string]): Promise<void> => {
  await makeFolder(path, ...where);
  await writeFileAtomically(join(path, OUTPUT_MARKER), MARKER_TEXT);
};
