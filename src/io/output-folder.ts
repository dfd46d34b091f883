// Output folders: a marker file keeps readers of data sets from reading them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, writeFileAtomically } from './files.js';

/** Name of the marker file. */
export const OUTPUT_MARKER = '.verydeep';

const ABOUT =
  'verydeep wrote this. Readers of data sets pass over a folder that holds a file .verydeep; remove it to have the folder read.';

/** The text of a marker, with what made the result. */
export const markerText = (record: object): string =>
  `${JSON.stringify({ about: ABOUT, ...record }, null, 2)}\n`;

const DESCRIPTORS = /^[0-9a-f]{16}-\d{6,}\.arrow$/;

/** Whether a file is named as a part of a folder of descriptors. */
export const isDescriptorFile = (name: string): boolean => DESCRIPTORS.test(name);

/**
 * Typical contents of output folders of version 0.1, which have no marker: names or patterns, one row per
 * kind.
 */
const signs: readonly (readonly (string | RegExp)[])[] = [
  [DESCRIPTORS],
  ['backbone.safetensors'],
  ['checkpoint.safetensors', 'log.jsonl'],
  ['log.jsonl', 'statistics.json'],
  ['results.json', 'report.html'],
  ['results.json', 'results.csv'],
  [/^split-\d+\.safetensors$/],
  [/^primal-.*\.safetensors$/],
  ['model.json', /^group1-shard\d+of\d+(\.bin)?$/],
];

/** Whether a folder with these entries is an output folder. */
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
 * Creates an output folder, as {@link makeFolder} does, with its marker.
 *
 * @throws UsageError as `makeFolder`
 */
export const makeOutputFolder = async (path: string, ...where: [] | [string]): Promise<void> => {
  await makeFolder(path, ...where);
  const marker = join(path, OUTPUT_MARKER);
  if (!existsSync(marker)) await writeFileAtomically(marker, markerText({}));
};
