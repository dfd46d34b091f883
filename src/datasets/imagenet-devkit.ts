// ILSVRC2012's development kit: the synset of each number (meta.mat), and the numbers of the validation
// images.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, expected } from '../errors.js';
import { type MatlabValue, openMatlab } from '../formats/matlab.js';
import { isCompressed, type RepackOptions, repack } from './archives/repack.js';
import { indexTar } from './archives/tar.js';
import { readSlice } from './archives/tree.js';

/** A class of the challenge. */
export interface Synset {
  /** ILSVRC2012_ID, from 1. Its order is not that of the sorted WNIDs. */
  readonly id: number;
  readonly wnid: string;
  /** Names, separated by commas; not unique ("crane"). */
  readonly words: string;
}

const numberOf = async (value: MatlabValue | undefined): Promise<number | undefined> =>
  value?.kind === 'numbers' ? (await value.values())[0] : undefined;

const textOf = (value: MatlabValue | undefined): string | undefined =>
  value?.kind === 'text' ? value.text : undefined;

/**
 * The classes in `meta.mat`: its synsets without children, by ILSVRC2012_ID.
 *
 * @throws UsageError naming the file when it is no such table
 */
export const readSynsets = async (path: string, bytes: Uint8Array): Promise<ReadonlyMap<number, Synset>> => {
  const file = await openMatlab(path, bytes);
  try {
    const table = file.variables.get('synsets');
    if (table?.kind !== 'struct') throw expected('a structure "synsets"', path, table?.kind);
    const synsets = new Map<number, Synset>();
    for (const [i, row] of table.elements.entries()) {
      const [id, children] = [
        await numberOf(row.get('ILSVRC2012_ID')),
        await numberOf(row.get('num_children')),
      ];
      const wnid = textOf(row.get('WNID'));
      if (id === undefined || children === undefined || wnid === undefined) {
        throw expected('fields ILSVRC2012_ID, WNID and num_children', `row ${i + 1} of ${path}`, [
          ...row.keys(),
        ]);
      }
      if (children === 0) synsets.set(id, { id, wnid, words: textOf(row.get('words')) ?? '' });
    }
    return synsets;
  } finally {
    await file.close();
  }
};

/** The two files of the kit that matter here, wherever they were found. */
export interface Devkit {
  readonly synsets: ReadonlyMap<number, Synset>;
  /** Validation numbers, and the name of their file for messages. */
  readonly truth: { readonly text: string; readonly where: string };
}

const FOLDERS = ['ILSVRC2012_devkit_t12/data', 'ILSVRC2012_devkit_t12', 'devkit/data', 'devkit', 'data', '.'];
const ARCHIVES = ['ILSVRC2012_devkit_t12.tar.gz', 'ILSVRC2012_devkit_t12.tar'];
const META = 'meta.mat';
const TRUTH = 'ILSVRC2012_validation_ground_truth.txt';

/** Describes where the kit is expected. */
export const devkitPlaces = `${ARCHIVES[0]!}, or ${META} and ${TRUTH} in ${FOLDERS[0]!}`;

/** Finds the kit under `root`, unpacked or as its archive; undefined if there is none. */
export const findDevkit = async (root: string, options: RepackOptions = {}): Promise<Devkit | undefined> => {
  for (const folder of FOLDERS) {
    const [meta, truth] = [join(root, folder, META), join(root, folder, TRUTH)];
    if (!existsSync(meta) || !existsSync(truth)) continue;
    return {
      synsets: await readSynsets(meta, await readFile(meta)),
      truth: { text: await readFile(truth, 'utf8'), where: truth },
    };
  }
  const archive = ARCHIVES.map((name) => join(root, name)).find(existsSync);
  if (archive === undefined) return undefined;
  const tar = isCompressed(archive) ? await repack(archive, options) : archive;
  const { entries } = await indexTar(tar);
  const read = async (name: string): Promise<Buffer> => {
    const entry = entries.find(({ path }) => path.split('/').pop() === name);
    if (!entry) throw expected(`a file ${name}`, archive, 'none', 'Download the archive again.');
    return readSlice({ file: tar, slice: entry });
  };
  return {
    synsets: await readSynsets(`${META} in ${archive}`, await read(META)),
    truth: { text: (await read(TRUTH)).toString('utf8'), where: `${TRUTH} in ${archive}` },
  };
};

/** Number of a validation image from its name (`ILSVRC2012_val_00000001.JPEG`), from 1. */
export const validationNumber = (name: string): number | undefined => {
  const match = /^ILSVRC2012_val_(\d{8})\.[^.]+$/.exec(name);
  return match ? Number(match[1]) : undefined;
};

/**
 * The WNIDs of the validation images in order: line i is the ILSVRC2012_ID of image i.
 *
 * @throws UsageError naming file and line for what is no ID of a class
 */
export const validationWnids = ({ synsets, truth: { text, where } }: Devkit): string[] =>
  text
    .trimEnd()
    .split(/\r?\n/)
    .map((line, i) => {
      const wnid = synsets.get(Number(line))?.wnid;
      if (line.trim() === '' || wnid === undefined) {
        throw new UsageError(
          `Expected the ILSVRC2012_ID of a class (1 to ${synsets.size}) in line ${i + 1} of ${where} but received ${JSON.stringify(line)}.`,
        );
      }
      return wnid;
    });
