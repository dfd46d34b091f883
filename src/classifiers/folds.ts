// Held-out parts of the rows: one given part, or k stratified folds that keep groups of rows together.
import { expected, option } from '../errors.js';
import { Random } from '../random.js';
import type { ClassLabels } from './problem.js';

/** Marks the rows of each part with 1. */
export type Held = Uint8Array;

/** The rows marked in a mask, ascending. */
export const rowsOf = (held: Held): number[] => [...held.keys()].filter((row) => held[row]);

/** One part: the given rows. @throws UsageError if a row does not exist, or no row is given */
export const heldOut = (validation: Iterable<number>, rows: number): Held => {
  const held = new Uint8Array(rows);
  for (const row of validation) {
    if (!(Number.isInteger(row) && row >= 0 && row < rows)) {
      throw expected(`rows below ${rows}`, option('validation'), row);
    }
    held[row] = 1;
  }
  if (!held.includes(1)) throw expected('at least one row', option('validation'), []);
  return held;
};

/** The rows of each group, groups in the order of their names; without groups, each row is a group. */
const unitsOf = (rows: number, groups: readonly string[] | undefined): number[][] => {
  if (!groups) return Array.from({ length: rows }, (_, row) => [row]);
  if (groups.length !== rows) throw expected(`${rows} names, one a row`, option('groups'), groups.length);
  const units = new Map<string, number[]>();
  groups.forEach((name, row) => {
    const unit = units.get(name);
    if (unit) unit.push(row);
    else units.set(name, [row]);
  });
  return [...units].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, unit]) => unit);
};

/**
 * k folds, each row in exactly one, rows of one group in the same: groups with the same classes are
 * distributed round-robin after a seeded shuffle, so that every fold has its share of each class. With groups
 * the folds do not depend on the order of the rows.
 *
 * @param groups the name of each row's group; if missing, each row is a group @throws UsageError if a class
 * has positive rows in fewer groups than there are folds
 */
export const stratifiedFolds = (
  classes: readonly ClassLabels[],
  k: number,
  seed: number,
  groups?: readonly string[],
): Held[] => {
  const rows = classes[0]!.labels.length;
  const units = unitsOf(rows, groups);
  if (!(Number.isInteger(k) && k >= 2 && k <= units.length)) {
    throw expected(`2 to ${units.length} folds`, 'cross-validation', k);
  }
  for (const { name, labels } of classes) {
    const positive = units.filter((unit) => unit.some((row) => labels[row] === 1)).length;
    if (positive < k) {
      const what = groups && units.length < rows ? 'groups with positive rows' : 'positive rows';
      throw expected(`at least ${k} ${what}, one a fold,`, `class ${JSON.stringify(name)}`, positive);
    }
  }
  const kinds = new Map<string, number[][]>();
  for (const unit of units) {
    const present = classes
      .flatMap(({ labels }, c) => (unit.some((row) => labels[row] === 1) ? [c] : []))
      .join();
    const kind = kinds.get(present);
    if (kind) kind.push(unit);
    else kinds.set(present, [unit]);
  }
  const folds = Array.from({ length: k }, () => new Uint8Array(rows));
  const random = new Random(seed, 'folds');
  let next = 0;
  for (const key of [...kinds.keys()].sort()) {
    for (const unit of random.shuffle(kinds.get(key)!)) {
      const fold = folds[next++ % k]!;
      for (const row of unit) fold[row] = 1;
    }
  }
  return folds;
};

/** The classes with held-out rows labelled 0. */
export const withoutHeld = (classes: readonly ClassLabels[], held: Held): ClassLabels[] =>
  classes.map(({ name, labels }) => ({ name, labels: labels.map((y, row) => (held[row] ? 0 : y)) }));
