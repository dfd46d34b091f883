// The outcome of a test, image by image: which test images were right, in an order that all nets share.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { openDataset, splitOf } from '../../src/datasets/open.js';
import type { Trial } from '../../src/evaluation/paired.js';
import { argmax } from '../../src/evaluation/ranking.js';
import { rowOf } from '../../src/matrix.js';
import { combinationsOf, openPosteriors, testings } from '../ilsvrc/posteriors.js';

/** Results of one way of testing. */
export interface Outcome {
  /** "dense", "multi-crop", … where a test has several ways; else empty. */
  readonly way: string;
  readonly trials: readonly Trial[];
  /** Digest of the trials' images and classes: only outcomes of the same key are compared. */
  readonly key: string;
  /** A result a trial: 1 is right. */
  readonly right: Uint8Array;
}

/** A test of an image as it is read. */
interface Tested {
  readonly split: string;
  readonly id: string;
  readonly label: string;
  readonly right: boolean;
}

const DIGITS = 16;

/** Puts tests in the order of split, class and image. */
const outcomeOf = (way: string, tests: readonly Tested[]): Outcome => {
  const order = [...tests].sort((a, b) =>
    [a.split, a.label, a.id].join('\0') < [b.split, b.label, b.id].join('\0') ? -1 : 1,
  );
  const number = (names: readonly string[]): readonly number[] => {
    const known = new Map<string, number>();
    return names.map((name) => known.get(name) ?? known.set(name, known.size).size - 1);
  };
  const images = number(order.map(({ id }) => id));
  const groups = number(order.map(({ split, label }) => `${split}\0${label}`));
  const hash = createHash('sha256');
  for (const { split, id, label } of order) hash.update(`${split}\0${id}\0${label}\n`);
  return {
    way,
    trials: order.map((_, i) => ({ image: images[i]!, group: groups[i]! })),
    key: hash.digest('hex').slice(0, DIGITS),
    right: Uint8Array.from(order, ({ right }) => Number(right)),
  };
};

/** The table of predictions that `verydeep evaluate` writes for images of one class. */
export const outcomeOfPredictions = async (folder: string): Promise<Outcome[]> => {
  type Line = Readonly<Record<'split' | 'id' | 'class' | 'predicted', string>>;
  const table = parse<Line>(await readFile(join(folder, 'predictions.csv')), { columns: true });
  return [
    outcomeOf(
      '',
      table.map((row) => ({
        split: row.split,
        id: row.id,
        label: row.class,
        right: row.predicted === row.class,
      })),
    ),
  ];
};

const BLOCK = 512;

/**
 * The posteriors that `verydeep evaluate ilsvrc2012` writes: one outcome for each way of testing, of all nets together.
 *
 * @param folders of posteriors, named as the benchmark names them: number of the net and way of testing
 */
export const outcomesOfPosteriors = async (data: string, folders: readonly string[]): Promise<Outcome[]> => {
  const dataset = await openDataset('imagenet', data);
  const { classes } = dataset;
  const items = splitOf(dataset, 'val');
  const stores = folders.map((folder) => {
    const [net] = /^\d+/.exec(basename(folder))!;
    return {
      folder,
      net: Number(net),
      testing: testings.find((way) => basename(folder) === `${net}-${way}`)!,
    };
  });
  const reader = await openPosteriors(stores);
  const names = [...new Set(stores.map(({ net }) => String(net)))];
  const prefix = `${names.join(' & ')}, `;
  const combinations = combinationsOf(stores, names).filter(({ name }) => name.startsWith(prefix));
  const tested: Tested[][] = combinations.map(() => []);
  for (let begin = 0; begin < items.length; begin += BLOCK) {
    const block = items.slice(begin, begin + BLOCK);
    const known = block.filter(({ id }) => reader.has(id));
    for (const [c, combination] of combinations.entries()) {
      const posteriors = await reader.read(combination, known);
      const predicted = new Map(known.map(({ id }, row) => [id, classes[argmax(rowOf(posteriors, row))]]));
      for (const { id, labels } of block) {
        tested[c]!.push({ split: 'val', id, label: labels[0]!, right: predicted.get(id) === labels[0] });
      }
    }
  }
  return combinations.map(({ name }, c) => outcomeOf(name.slice(prefix.length), tested[c]!));
};
