// What a report shows of many classes at once: the best and the worst; the others are folded.

/** Classes that a report shows unfolded. */
export const MOST_CLASSES = 30;

/** The first and the last of a sorted list, so many together; all where there are no more. */
export const ends = <T>(sorted: readonly T[], most = MOST_CLASSES): readonly T[] =>
  sorted.length <= most
    ? sorted
    : [...sorted.slice(0, Math.ceil(most / 2)), ...sorted.slice(-Math.floor(most / 2))];

/** What is folded, for the chart's description; nothing where all is shown. */
export const foldedText = (classes: number): string =>
  classes <= MOST_CLASSES
    ? ''
    : ` The best ${MOST_CLASSES / 2} and the worst ${MOST_CLASSES / 2} of ${classes} are drawn; the table has all.`;
