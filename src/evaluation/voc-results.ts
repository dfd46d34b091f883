// Result files in the VOC server's format: one line per image or person, six decimals, no equal scores.
import { UsageError, expected } from '../errors.js';
import { rank } from './ranking.js';

/** A scored image, or a person in it: id and, for persons, the 1-based number of the object. */
export interface Scored {
  readonly id: string;
  readonly object?: number;
  readonly score: number;
}

const DECIMALS = 6;
const UNIT = 10 ** DECIMALS;
/** Scores are written as whole numbers of millionths; they are exact up to this value. */
const LARGEST = 2 ** 52;
const MAX_FACTOR = 1e6;

/** The power of ten that keeps as many scores as possible distinct when they are rounded to six decimals. */
const factorFor = (sorted: readonly number[]): number => {
  const largest = Math.max(...sorted.map(Math.abs), 1);
  const alike = (factor: number): number =>
    sorted.filter(
      (score, i) => i > 0 && Math.round(score * factor * UNIT) >= Math.round(sorted[i - 1]! * factor * UNIT),
    ).length;
  const equal = sorted.filter((score, i) => i > 0 && score === sorted[i - 1]).length;
  let factor = 1;
  while (factor < MAX_FACTOR && largest * factor * 10 * UNIT < LARGEST && alike(factor) > equal) factor *= 10;
  return factor;
};

const decimal = (units: number): string => {
  const digits = String(Math.abs(units)).padStart(DECIMALS + 1, '0');
  return `${units < 0 ? '-' : ''}${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`;
};

/**
 * Scores as text with six decimals, in the same ranking and without ties: the server's sort may put equal
 * scores in any order. All are multiplied by one power of ten if different scores would be equal after
 * rounding to six decimals; equal scores are written a millionth apart, in the order given.
 *
 * @param scores finite, or -Infinity for an image without a score: it is written below all others @throws
 * UsageError when a score is not a number
 */
export const untied = (scores: ArrayLike<number>): string[] => {
  const order = rank(scores);
  const finite = [...order].map((i) => scores[i]!).filter((score) => score > -Infinity);
  const factor = factorFor(finite);
  const result = new Array<string>(scores.length);
  let previous = Infinity;
  for (const i of order) {
    const wanted = scores[i]! > -Infinity ? Math.round(scores[i]! * factor * UNIT) : previous - UNIT;
    previous = Math.min(wanted, (previous === Infinity ? wanted + 1 : previous) - 1);
    result[i] = decimal(Number.isFinite(previous) ? previous : 0);
    if (!Number.isFinite(previous)) previous = 0;
  }
  return result;
};

/** The text of one class's file, in the order of the items. */
export const resultFile = (items: readonly Scored[]): string => {
  const texts = untied(items.map(({ score }) => score));
  return items
    .map(({ id, object }, i) => `${object === undefined ? id : `${id} ${object}`} ${texts[i]!}\n`)
    .join('');
};

/**
 * Reads a result file.
 *
 * @param name its path, for messages
 * @param known ids that may occur, with the object's number after `#` for persons
 * @returns the score of each id; ids that the file does not contain are missing @throws UsageError naming the
 * line: not an id and a number, an unknown id, or an id that occurs twice
 */
export const parseResultFile = (
  text: string,
  name: string,
  known: ReadonlySet<string>,
): Map<string, number> => {
  const scores = new Map<string, number>();
  text.split(/\r?\n/).forEach((line, i) => {
    const words = line.trim().split(/\s+/);
    if (words.length === 1 && words[0] === '') return;
    const where = `${name}, line ${i + 1}`;
    const score = Number(words.at(-1));
    if (words.length < 2 || words.length > 3 || Number.isNaN(score)) {
      throw expected('an id and a score', where, line.trim());
    }
    const id = words.slice(0, -1).join('#');
    if (!known.has(id)) throw expected('the id of a test image', where, id);
    if (scores.has(id)) throw new UsageError(`${where} gives ${id} a second score. Keep one line for each.`);
    scores.set(id, score);
  });
  return scores;
};
