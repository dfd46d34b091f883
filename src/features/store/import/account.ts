// What an import found: which rows are of which images, and what fits nothing.
import type { Item } from '../../../datasets/dataset.js';
import { type Message, UsageError, expected, option, text } from '../../../errors.js';
import { type MatchRule, type Matching, matchRows } from './match.js';

/** Names, and how many there are in all. */
export interface Some {
  readonly count: number;
  readonly first: readonly string[];
}

/** The account of an import. */
export interface Account {
  /** What rows were matched by; missing where no data set was given. */
  readonly rule?: MatchRule;
  readonly matched: number;
  /** Rows that are of no image. */
  readonly unmatchedRows: Some;
  /** Images without a row. */
  readonly missingImages: Some;
}

const MOST_NAMED = 5;

const someOf = (names: readonly string[]): Some => ({
  count: names.length,
  first: names.slice(0, MOST_NAMED),
});

const shownNames = ({ count, first }: Some): string =>
  `${first.join(', ')}${count > first.length ? ', …' : ''}`;

/** The rules in words. */
const ruleTexts: Readonly<Record<MatchRule, string>> = {
  id: 'by id',
  path: 'by path',
  stem: 'by file name without folder and extension',
};

/** The account in words. */
export const accountText = ({ rule, matched, unmatchedRows, missingImages }: Account): string =>
  [
    rule === undefined ? `${matched} rows` : `${matched} rows matched ${ruleTexts[rule]}`,
    ...(unmatchedRows.count > 0
      ? [`${unmatchedRows.count} rows are of no image of the data set (${shownNames(unmatchedRows)})`]
      : []),
    ...(missingImages.count > 0
      ? [`${missingImages.count} images have no row (${shownNames(missingImages)})`]
      : []),
  ].join('; ');

/** @throws UsageError naming an id that is missing, or there twice */
export const checkNames = (names: readonly string[], from: string): void => {
  const seen = new Map<string, number>();
  names.forEach((name, row) => {
    if (name === '') throw expected('an id', `row ${row} in ${from}`, name);
    const before = seen.get(name);
    if (before !== undefined) {
      throw new UsageError(
        `The id ${name} is in ${from} twice, as row ${before} and ${row}: ids must be unique.`,
      );
    }
    seen.set(name, row);
  });
};

/** Two rows of the same image. */
const refuseTwice = (names: readonly string[], items: readonly Item[], { images }: Matching): void => {
  const rows = new Map<number, number>();
  images.forEach((image, row) => {
    if (image < 0) return;
    const before = rows.get(image);
    if (before !== undefined) {
      throw new UsageError(
        text`The rows ${before} (${names[before]}) and ${row} (${names[row]}) are both of the image ${items[image]!.path}. Leave one out, or choose another ${option('match')}.`,
      );
    }
    rows.set(image, row);
  });
};

/**
 * Matches rows to the images of a data set.
 *
 * @param partial allows rows without an image, and images without a row
 * @throws UsageError with the account of what does not match, and for two rows of the same image
 */
export const matchWith = (
  names: readonly string[],
  items: readonly Item[],
  from: string,
  {
    match,
    partial = false,
  }: { readonly match?: MatchRule | undefined; readonly partial?: boolean | undefined },
): { account: Account; images: Int32Array } => {
  const matching = matchRows(names, items, match);
  const { rule, images, matched } = matching;
  refuseTwice(names, items, matching);
  const having = new Set(images);
  const account: Account = {
    rule,
    matched,
    unmatchedRows: someOf(names.filter((_, row) => images[row]! < 0)),
    missingImages: someOf(items.filter((_, image) => !having.has(image)).map(({ path }) => path)),
  };
  if (matched === 0) {
    throw new UsageError(
      text`No row of ${from} is of an image of the data set: rows are named ${shownNames(someOf(names))}, images ${shownNames(someOf(items.map(({ path }) => path)))}.`,
    );
  }
  const whole = account.unmatchedRows.count === 0 && account.missingImages.count === 0;
  if (!whole && !partial) {
    const advice: Message = text`Choose the part of the data set with ${option('split')}, or import what matches with ${option('partial')}.`;
    throw new UsageError(text`Expected a row for each image but received ${accountText(account)}. ${advice}`);
  }
  return { account, images };
};
