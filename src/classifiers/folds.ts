// Parts of the rows that are held out in turn: one given part, or k stratified folds.
import { expected } from '../errors.js';
import { Random } from '../random.js';
import type { ClassLabels } from './problem.js';

/** Marks the rows of each part with 1. */
export type Held = Uint8Array;

/** The rows that a mask marks, ascending. */
export const rowsOf = (held: Held): number[] => [...held.keys()].filter((row) => held[row]);

/** One part: the given rows. @throws UsageError for a row that does not exist, or none at all */
export const heldOut = (validation: Iterable<number>, rows: number): Held => {
  const held = new Uint8Array(rows);
  for (const row of validation) {
    if (!(Number.isInteger(row) && row >= 0 && row < rows)) {
      throw expected(`rows below ${rows}`, 'validation', row);
    }
    held[row] = 1;
  }
  if (!held.includes(1)) throw expected('at least one row', 'validation', []);
  return held;
};

/**
 * k folds, each row in exactly one: rows with the same labels are dealt out in turn after a seeded shuffle, so that every
 * fold has its share of each class.
 *
 * @throws UsageError where a class has fewer positive rows than folds
 */
export const stratifiedFolds = (classes: readonly ClassLabels[], k: number, seed: number): Held[] => {
  const rows = classes[0]!.labels.length;
  if (!(Number.isInteger(k) && k >= 2 && k <= rows)) throw expected(`2 to ${rows} folds`, 'folds', k);
  const groups = new Map<string, number[]>();
  for (let row = 0; row < rows; row++) {
    const present = classes.flatMap(({ labels }, c) => (labels[row] === 1 ? [c] : [])).join();
    groups.set(present, [...(groups.get(present) ?? []), row]);
  }
  for (const { name, labels } of classes) {
    const positives = labels.filter((y) => y === 1).length;
    if (positives < k) {
      throw expected(`at least ${k} positive rows, one a fold,`, `class ${JSON.stringify(name)}`, positives);
    }
  }
  const folds = Array.from({ length: k }, () => new Uint8Array(rows));
  const random = new Random(seed, 'folds');
  let next = 0;
  for (const key of [...groups.keys()].sort()) {
    for (const row of random.shuffle(groups.get(key)!)) folds[next++ % k]![row] = 1;
  }
  return folds;
};

/** The classes with held-out rows ignored. */
export const withoutHeld = (classes: readonly ClassLabels[], held: Held): ClassLabels[] =>
  classes.map(({ name, labels }) => ({ name, labels: labels.map((y, row) => (held[row] ? 0 : y)) }));
