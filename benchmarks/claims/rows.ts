// Rows of the table of claims on disk: small files, one for each unit, that are kept and compared when the nets are gone.
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VerydeepError } from '../../src/errors.js';
import type { Trial } from '../../src/evaluation/paired.js';
import { writeFileAtomically } from '../../src/io/files.js';

/** A figure of a unit, and which test images were right. */
export interface Row {
  readonly test: string;
  readonly way: string;
  /** The command that gave it. */
  readonly command: string;
  /** Mean class recall in percent, with its interval over test images. */
  readonly recall: number;
  readonly low: number;
  readonly high: number;
  /** Which trials these are. */
  readonly key: string;
  /** A bit a trial, base64: 1 is right. */
  readonly right: string;
}

/** What a unit leaves behind. */
export interface UnitRows {
  readonly unit: string;
  readonly seed: number;
  /** Digest of the unit's plan: rows of another plan are not used. */
  readonly plan: string;
  readonly version: string;
  readonly machine: string;
  readonly date: string;
  readonly minutes: number;
  /** How the net was trained, and its errors after each epoch; missing where none was trained. */
  readonly training?: {
    readonly command: string;
    readonly epochs: readonly { readonly train?: number; readonly validation?: number }[];
  };
  readonly rows: readonly Row[];
}

/** Results, 1 or 0, as bits in base64. */
export const packBits = (right: Uint8Array): string => {
  const bytes = Buffer.alloc(Math.ceil(right.length / 8));
  right.forEach((value, i) => {
    if (value !== 0) bytes[i >> 3]! |= 1 << (i & 7);
  });
  return bytes.toString('base64');
};

export const unpackBits = (text: string, count: number): Uint8Array => {
  const bytes = Buffer.from(text, 'base64');
  return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3]! >> (i & 7)) & 1);
};

const trialsFile = (folder: string, key: string): string => join(folder, `trials-${key}.json`);

/** Writes which images and classes the trials of a key are, once. */
export const writeTrials = async (folder: string, key: string, trials: readonly Trial[]): Promise<void> => {
  const path = trialsFile(folder, key);
  await mkdir(folder, { recursive: true });
  if (existsSync(path)) return;
  const lists = { image: trials.map(({ image }) => image), group: trials.map(({ group }) => group) };
  await writeFileAtomically(path, `${JSON.stringify(lists)}\n`);
};

/** @throws VerydeepError naming the file that is missing */
export const readTrials = async (folder: string, key: string): Promise<Trial[]> => {
  const path = trialsFile(folder, key);
  if (!existsSync(path))
    throw new VerydeepError(`Expected the file ${path} beside the rows that refer to it.`);
  const { image, group } = JSON.parse(await readFile(path, 'utf8')) as Record<'image' | 'group', number[]>;
  return image.map((one, i) => ({ image: one, group: group[i]! }));
};

/** Name of a unit's run: the unit, and the seed but for the first. */
export const runName = ({ name, seeds }: { name: string; seeds: readonly number[] }, seed: number): string =>
  seed === seeds[0] ? name : `${name}@${seed}`;

export const writeRows = (folder: string, name: string, rows: UnitRows): Promise<void> =>
  writeFileAtomically(join(folder, `${name}.json`), `${JSON.stringify(rows, null, 1)}\n`);

/** All rows of a folder; none where it does not exist. */
export const readRows = async (folder: string): Promise<UnitRows[]> => {
  if (!existsSync(folder)) return [];
  const names = (await readdir(folder)).filter(
    (name) => name.endsWith('.json') && !name.startsWith('trials-'),
  );
  return Promise.all(
    names.sort().map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as UnitRows),
  );
};
