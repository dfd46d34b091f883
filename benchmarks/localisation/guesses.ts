// What nets say of each image, a line of JSON each: written as the run goes, and read again by a run that continues it.
import { open } from 'node:fs/promises';
import { readFile, stat } from 'node:fs/promises';
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Localiser, Search } from '../../src/backbone/boxes/localiser.js';
import type { Box, Item } from '../../src/datasets/dataset.js';
import { loadImage } from '../../src/images/decode.js';
import { ImageError } from '../../src/images/image.js';
import { writeFileAtomically } from '../../src/io/files.js';
import type { OnProgress } from '../../src/progress.js';

/** Corner and size in whole pixels. */
export type BoxRow = readonly [x: number, y: number, width: number, height: number];

export const rowOfBox = ({ x, y, width, height }: Box): BoxRow => [x, y, width, height];
export const boxOfRow = ([x, y, width, height]: BoxRow): Box => ({ x, y, width, height });

/** Nets and scales whose boxes are merged together. */
export interface Combination {
  readonly name: string;
  readonly parts: readonly (readonly [net: number, scale: number])[];
}

/** What the nets say of an image. */
export interface ImageGuesses {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Simplified testing: the box of each of the image's classes, by each net. */
  readonly central?: readonly Readonly<Record<string, BoxRow>>[];
  /** Full testing, by each combination: five classes with their boxes, and the boxes of the image's own classes. */
  readonly full?: readonly {
    readonly guesses: readonly (readonly [label: string, ...BoxRow])[];
    readonly own: Readonly<Record<string, BoxRow>>;
  }[];
}

/** An image that cannot be read. */
export interface Unread {
  readonly id: string;
  readonly path: string;
  readonly reason: string;
}

const GUESSES = 5;

/** How images are tested. */
export interface Testing extends Search {
  readonly simplified: boolean;
  readonly combinations: readonly Combination[];
}

const guessesOf = async (localiser: Localiser, item: Item, testing: Testing): Promise<ImageGuesses> => {
  const { classes } = localiser;
  const image = await loadImage(item.source, item.path);
  const own = item.labels.map((label): [string, number] => [label, classes.indexOf(label)]);
  const rows = (boxOf: (label: number) => Box): Record<string, BoxRow> =>
    Object.fromEntries(own.map(([name, label]) => [name, rowOfBox(boxOf(label))]));
  const central: Record<string, BoxRow>[] = [];
  if (testing.simplified && own.length > 0) {
    for (const net of localiser.nets.keys())
      central.push(rows(await localiser.central(image, item.path, net)));
  }
  const searched =
    testing.combinations.length > 0 ? await localiser.search(image, item.path, testing) : undefined;
  return {
    ...{ id: item.id, width: image.width, height: image.height },
    ...(testing.simplified && { central }),
    ...(searched && {
      full: testing.combinations.map(({ parts }) => ({
        guesses: searched
          .guesses(GUESSES, parts)
          .map(({ label, box }) => [classes[label]!, ...rowOfBox(box)] as const),
        own: rows((label) => searched.boxOf(label, parts)),
      })),
    }),
  };
};

/** The lines of a file of guesses. */
export const readGuesses = async function* (file: string): AsyncGenerator<ImageGuesses | Unread> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  for await (const line of lines) yield JSON.parse(line) as ImageGuesses | Unread;
};

/** The number of whole lines of an interrupted run; what follows them is cut off. */
const wholeLines = async (file: string): Promise<number> => {
  if (!existsSync(file)) {
    await writeFileAtomically(file, '');
    return 0;
  }
  if ((await stat(file)).size === 0) return 0;
  const text = await readFile(file);
  const end = text.lastIndexOf(10) + 1;
  if (end < text.length) await writeFileAtomically(file, text.subarray(0, end));
  let lines = 0;
  for (let i = 0; i < end; i++) if (text[i] === 10) lines++;
  return lines;
};

const BLOCK = 64;

/** Tests the images that the file does not have yet, in order, and appends what the nets say. */
export const writeGuesses = async (
  file: string,
  localiser: Localiser,
  items: readonly Item[],
  testing: Testing,
  { onProgress, signal }: { onProgress?: OnProgress | undefined; signal?: AbortSignal | undefined },
): Promise<void> => {
  const begin = await wholeLines(file);
  const handle = await open(file, 'a');
  try {
    for (let from = begin; from < items.length; from += BLOCK) {
      signal?.throwIfAborted();
      const lines: string[] = [];
      for (const item of items.slice(from, from + BLOCK)) {
        const found = await guessesOf(localiser, item, testing).catch((error: unknown): Unread => {
          if (!(error instanceof ImageError)) throw error;
          return { id: item.id, path: item.path, reason: error.reason };
        });
        lines.push(`${JSON.stringify(found)}\n`);
      }
      await handle.appendFile(lines.join(''));
      await handle.sync();
      onProgress?.({
        ...{ task: 'localise', done: Math.min(items.length, from + BLOCK), total: items.length },
        unit: 'images',
      });
    }
  } finally {
    await handle.close();
  }
};
