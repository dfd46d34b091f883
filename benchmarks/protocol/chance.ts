// What guessing gives: each figure of a benchmark for images in random order, or classes drawn at random.
import { averagePrecision } from '../../src/evaluation/average-precision.js';
import { mean } from '../../src/evaluation/statistics.js';
import { Random } from '../../src/random.js';
import { labelsOf } from './fit.js';
import type { Figures, SplitOutcome } from './outcome.js';

const PERCENT = 100;

/** Share in percent of images whose class is among `k` drawn at random. */
export const chanceOfTop = (k: number, classes: number): number => PERCENT * Math.min(1, k / classes);

/** How many of the classes guessed count, for figures of images with one label. */
const guesses: Readonly<Record<string, number>> = { meanClassRecall: 1, accuracy: 1, top5: 5 };

/** Random orders that an average precision is averaged over. */
const ORDERS = 10;

/** Mean average precision of random orders, in percent: it grows with the share of positive images and has no closed form. */
const chanceAp = ({ classes, test }: SplitOutcome, form: '11-point' | 'all-points'): number => {
  const random = new Random('chance');
  const aps = labelsOf(classes, test).flatMap(({ labels }) =>
    Array.from({ length: ORDERS }, () =>
      averagePrecision(
        Float64Array.from(labels, () => random.uniform()),
        labels,
        form,
      ),
    ),
  );
  return PERCENT * mean(aps);
};

/**
 * Figures by chance, mean over the splits that were scored.
 *
 * @param form that of `mAP`
 */
export const chanceOf = (
  outcomes: readonly SplitOutcome[],
  form: '11-point' | 'all-points' = 'all-points',
): Figures => {
  const scored = outcomes.filter(({ figures }) => Object.keys(figures).length > 0);
  const of = (name: string, outcome: SplitOutcome): number => {
    const guessed = guesses[name];
    if (guessed !== undefined) return chanceOfTop(guessed, outcome.classes.length);
    return chanceAp(
      outcome,
      name === 'mAP11Point' ? '11-point' : name === 'mAPAllPoints' ? 'all-points' : form,
    );
  };
  return Object.fromEntries(
    Object.keys(scored[0]?.figures ?? {}).map((name) => [name, mean(scored.map((one) => of(name, one)))]),
  );
};
