// Outcomes of splits made up for tests of reports: classes, test images with one label or more, scores.
import type { SplitOutcome } from '../../../benchmarks/protocol/outcome.js';
import type { Item } from '../../../src/datasets/dataset.js';

/** An outcome; `rows` holds each test image's labels and its scores, one a class. */
export const outcomeOf = (
  classes: readonly string[],
  rows: readonly {
    readonly labels: readonly string[];
    readonly scores: readonly number[];
    readonly file?: string;
  }[],
  figures: SplitOutcome['figures'] = { meanClassRecall: 50 },
  figureOf: (c: number) => number = () => 50,
): SplitOutcome =>
  ({
    name: 'test',
    classes,
    train: [],
    test: rows.map(({ labels, file = `${import.meta.dirname}/none.jpg` }, i): Item => ({
      id: `${i}`,
      path: `image-${i}.jpg`,
      source: { file },
      labels,
    })),
    scores: {
      rows: rows.length,
      columns: classes.length,
      data: Float32Array.from(rows.flatMap(({ scores }) => scores)),
    },
    model: { classes },
    figures,
    perClass: classes.map((name, c) => ({ name, train: 1, test: 1, figures: { recall: figureOf(c) } })),
    seconds: 1,
  }) as unknown as SplitOutcome;

/** So many classes with one image each, of which the one at place `wrong` is taken for the class before it. */
export const manyClasses = (count: number, wrong: number, file?: string): SplitOutcome => {
  const classes = Array.from({ length: count }, (_, c) => `class-${String(c).padStart(3, '0')}`);
  return outcomeOf(
    classes,
    classes.map((name, row) => ({
      labels: [name],
      scores: classes.map((_, c) => Number(c === (row === wrong ? row - 1 : row))),
      ...(file === undefined ? {} : { file }),
    })),
    { meanClassRecall: 50 },
    (c) => c,
  );
};
