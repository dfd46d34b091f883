// What the paper reports on localisation (appendix A, tables 8 to 10): errors in percent, taken from memory of the paper.

/** A row of one of the paper's tables. */
export interface PublishedBoxErrors {
  readonly table: 8 | 9 | 10;
  readonly method: string;
  /** On the validation set, and on the test set. */
  readonly val?: number;
  readonly test?: number;
}

/** Table 8: simplified testing, S = Q = 384. */
const simplified = [
  ['SCR, 1st and 2nd fully-connected layers', 36.4],
  ['PCR, 1st and 2nd fully-connected layers', 34.3],
  ['PCR, all layers', 33.1],
] as const;

/** Table 9: full testing, top-5 error. */
const full = [
  ['S 256, Q 256', 29.5, undefined],
  ['S 384, Q 384', 28.2, 26.7],
  ['S 384, Q 352, 384', 27.5, undefined],
  ['S 256, Q 256 and S 384, Q 352, 384', 26.9, 25.3],
] as const;

/** Table 10: the state of the art then, top-5 error. */
const others = [
  ['VGG', 26.9, 25.3],
  ['GoogLeNet', undefined, 26.7],
  ['OverFeat', 30.0, 29.9],
  ['Krizhevsky et al.', undefined, 34.2],
] as const;

const row = (
  table: PublishedBoxErrors['table'],
  [method, val, test]: readonly [string, (number | undefined)?, (number | undefined)?],
): PublishedBoxErrors => ({
  ...{ table, method },
  ...(val !== undefined && { val }),
  ...(test !== undefined && { test }),
});

/** All rows of tables 8 to 10. */
export const publishedBoxErrors: readonly PublishedBoxErrors[] = [
  ...simplified.map((each) => row(8, each)),
  ...full.map((each) => row(9, each)),
  ...others.map((each) => row(10, each)),
];
