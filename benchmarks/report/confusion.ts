// Confusions of classes: the confusion matrix of all splits together, and the pairs most confused.
import { type Confusion, classSizes, confusionMatrix, countOf } from '../../src/evaluation/confusion.js';
import { chart } from '../../src/evaluation/report/chart.js';
import { type Cell, heatMap } from '../../src/evaluation/report/charts.js';
import type { Content } from '../../src/evaluation/report/html.js';
import { table } from '../../src/evaluation/report/table.js';
import { predictionsOf } from '../protocol/caltech.js';
import type { SplitOutcome } from '../protocol/outcome.js';
import { MOST_CLASSES } from './folding.js';

/** Two classes, and how often images of the first were predicted as the second. */
interface ConfusedPair {
  readonly truth: string;
  readonly predicted: string;
  readonly count: number;
  /** Share of the true class's images. */
  readonly share: number;
}

/** The confusion matrix of all splits together. */
const confusionOf = (outcomes: readonly SplitOutcome[]): Confusion => {
  const classes = outcomes[0]?.classes ?? [];
  const place = new Map(classes.map((name, i) => [name, i]));
  return confusionMatrix(
    outcomes.flatMap(({ test }) => test.map(({ labels }) => place.get(labels[0]!)!)),
    outcomes.flatMap(({ scores }) => [...predictionsOf(scores)]),
    classes.length,
  );
};

/** Pairs of classes by the share of the first predicted as the second. */
const confusedPairs = (confusion: Confusion, classes: readonly string[]): ConfusedPair[] => {
  const sizes = classSizes(confusion);
  return classes
    .flatMap((truth, row) =>
      classes.map((predicted, column) => ({
        truth,
        predicted,
        count: row === column ? 0 : countOf(confusion, row, column),
        share: countOf(confusion, row, column) / sizes[row]!,
      })),
    )
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.share - a.share || b.count - a.count);
};

const MOST_PAIRS = 20;

/** The classes that the matrix names: all, or those of the pairs most confused, with room for the others together. */
const namedClasses = (pairs: readonly ConfusedPair[], classes: readonly string[]): ReadonlySet<string> => {
  if (classes.length <= MOST_CLASSES) return new Set(classes);
  const inOrder = new Set([...pairs.flatMap(({ truth, predicted }) => [truth, predicted]), ...classes]);
  return new Set([...inOrder].slice(0, MOST_CLASSES - 1));
};

/** Cells of the matrix as shares of their row's images; classes without a name of their own share a row and a column. */
const cellsOf = (
  confusion: Confusion,
  classes: readonly string[],
  named: ReadonlySet<string>,
): { names: string[]; cells: Cell[] } => {
  const others = `${classes.length - named.size} other classes`;
  const nameOf = (c: number): string => (named.has(classes[c]!) ? classes[c]! : others);
  const counts = new Map<string, Map<string, number>>();
  const sizes = new Map<string, number>();
  for (const r of classes.keys()) {
    const row = counts.get(nameOf(r)) ?? new Map<string, number>();
    counts.set(nameOf(r), row);
    for (const c of classes.keys()) {
      const count = countOf(confusion, r, c);
      row.set(nameOf(c), (row.get(nameOf(c)) ?? 0) + count);
      sizes.set(nameOf(r), (sizes.get(nameOf(r)) ?? 0) + count);
    }
  }
  const cells = [...counts].flatMap(([row, own]) =>
    [...own].flatMap(([column, count]): Cell[] =>
      count === 0 ? [] : [{ row, column, value: count / sizes.get(row)! }],
    ),
  );
  return {
    names: [...classes.filter((name) => named.has(name)), ...(named.size < classes.length ? [others] : [])],
    cells,
  };
};

/** The section of the report. */
export const confusionSection = async (outcomes: readonly SplitOutcome[]): Promise<Content> => {
  const classes = outcomes[0]!.classes;
  const confusion = confusionOf(outcomes);
  const pairs = confusedPairs(confusion, classes);
  const { names, cells } = cellsOf(confusion, classes, namedClasses(pairs, classes));
  const [worst] = pairs;
  return [
    await chart({
      title: 'Confusion matrix',
      description: `Share of each true class's test images by predicted class, all splits together. ${
        worst
          ? `Most confused: ${(100 * worst.share).toFixed(0)} % of ${worst.truth} taken for ${worst.predicted}.`
          : 'No image was taken for another class.'
      }${names.length < classes.length ? ` The ${names.length - 1} classes of the pairs most confused are named.` : ''}`,
      spec: heatMap(cells, { names, row: 'true class', column: 'predicted class' }),
    }),
    pairs.length === 0
      ? undefined
      : table({
          caption: 'Classes most often taken for another',
          columns: [
            { title: 'True class', value: ({ truth }) => truth },
            { title: 'Taken for', value: ({ predicted }) => predicted },
            { title: 'Images', value: ({ count }) => count },
            { title: 'Share of the class, %', value: ({ share }) => 100 * share, digits: 1 },
          ],
          rows: pairs.slice(0, MOST_PAIRS),
        }),
  ];
};
