// The made-up data sets, made once for all tests of this room, unpacked and in their archives.
import { mkdtempSync, rmSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packCaltech, packVoc } from '../fixtures/datasets/archives.js';
import { makeCaltech } from '../fixtures/datasets/caltech.js';
import { makeVoc } from '../fixtures/datasets/voc.js';

let place: string | undefined;
const done = new Map<string, Promise<void>>();

/** A folder that is removed when the tests end. */
const folder = (): string => {
  if (place === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'verydeep-datasets-'));
    process.on('exit', () => {
      rmSync(made, { recursive: true, force: true });
    });
    place = made;
  }
  return place;
};

const once = async (name: string, make: () => Promise<void>): Promise<void> => {
  if (!done.has(name)) done.set(name, make());
  await done.get(name);
};

export type Made = 'voc2007' | 'voc2012' | 'caltech101' | 'caltech256';

/** The unpacked data set's root. Read it only; see {@link withSpoilt}. */
export const unpacked = async (name: Made): Promise<string> => {
  const root = join(folder(), name);
  await once(name, () =>
    name.startsWith('voc')
      ? makeVoc(name === 'voc2007' ? 2007 : 2012, root, { perClass: 1, perAction: 1, width: 64 })
      : makeCaltech(name === 'caltech101' ? 101 : 256, root, { perClass: 4, width: 48 }),
  );
  return root;
};

/** The folder of its archives. */
export const archived = async (name: Made): Promise<string> => {
  const [from, to] = [await unpacked(name), join(folder(), `${name}-archives`)];
  await once(to, () =>
    name.startsWith('voc')
      ? packVoc(name === 'voc2007' ? 2007 : 2012, from, to)
      : packCaltech(name === 'caltech101' ? 101 : 256, from, to),
  );
  return to;
};

/** How a file is spoilt: its text is changed, or (undefined) it is taken away. */
export type Spoil = ((text: string) => string) | undefined;

/**
 * Runs `use` on a copy of the unpacked data set in which some files are spoilt; they are mended afterwards, so that one
 * copy serves all tests.
 */
export const withSpoilt = async (
  name: Made,
  spoils: Readonly<Record<string, Spoil>>,
  use: (root: string) => Promise<void>,
): Promise<void> => {
  const root = join(folder(), `${name}-copy`);
  await once(root, async () => cp(await unpacked(name), root, { recursive: true }));
  const before = await Promise.all(
    Object.keys(spoils).map(async (path) => [join(root, path), await readFile(join(root, path))] as const),
  );
  try {
    for (const [path, change] of Object.entries(spoils)) {
      const file = join(root, path);
      if (change) await writeFile(file, change(await readFile(file, 'utf8')));
      else await rm(file);
    }
    await use(root);
  } finally {
    for (const [file, bytes] of before) await writeFile(file, bytes);
  }
};
