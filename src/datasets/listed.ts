// Lists many names in one line: the first few, and the number of the others.

const MAX_NAMED = 10;

/** The first ten names, and the number of the others. */
export const listed = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMED).join(', ') +
  (names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '');
