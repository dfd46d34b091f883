// Paired comparison of two classifiers on the same test images: the difference of their mean class recalls, its interval,
// and what that says of a claim.
import { expected } from '../errors.js';
import { Random } from '../random.js';
import { type BootstrapOptions, type Interval, bootstrap, mean } from './statistics.js';

/** One test of an image. */
export interface Trial {
  /** Which image, from 0: one that several splits test is drawn as a whole. */
  readonly image: number;
  /** Its class within its split, from 0: the same class of two splits is two groups. */
  readonly group: number;
}

/** Results of two classifiers, trial by trial: 1 is right, 0 is wrong. */
export interface Pair {
  readonly better: Uint8Array;
  readonly than: Uint8Array;
}

export type Verdict = 'holds' | 'does not' | 'undecided';

/** The difference in percent, and what it says of the claim that the first is better. */
export interface Comparison extends Interval {
  readonly difference: number;
  readonly verdict: Verdict;
}

/** What an interval of a difference says: it excludes zero on the claim's side, on the other, or not at all. */
export const verdictOf = ({ low, high }: Pick<Interval, 'low' | 'high'>): Verdict =>
  low > 0 ? 'holds' : high < 0 ? 'does not' : 'undecided';

const PERCENT = 100;

/** A function of drawn images: the mean over groups of the mean of their trials' values, in percent. */
const recallOver = (trials: readonly Trial[]) => {
  const count = (field: keyof Trial): number =>
    trials.reduce((most, one) => Math.max(most, one[field] + 1), 0);
  const ofImage: number[][] = Array.from({ length: count('image') }, () => []);
  trials.forEach(({ image }, trial) => ofImage[image]!.push(trial));
  const [sums, sizes] = [new Float64Array(count('group')), new Uint32Array(count('group'))];
  const figure = (images: Iterable<number>, values: ArrayLike<number>): number => {
    sums.fill(0);
    sizes.fill(0);
    for (const image of images) {
      for (const trial of ofImage[image]!) {
        const { group } = trials[trial]!;
        sums[group]! += values[trial]!;
        sizes[group]!++;
      }
    }
    return (
      PERCENT * mean([...sums].flatMap((sum, group) => (sizes[group]! > 0 ? [sum / sizes[group]!] : [])))
    );
  };
  return { images: ofImage.length, figure };
};

/**
 * The mean class recall of one classifier over all groups, in percent, with its percentile bootstrap over images.
 *
 * @param right one result a trial: 1 is right
 * @throws UsageError if there is no trial
 */
export const recallWithInterval = (
  trials: readonly Trial[],
  right: Uint8Array,
  options: BootstrapOptions = {},
): Interval & { readonly recall: number } => {
  const { images, figure } = recallOver(trials);
  const interval = bootstrap(images, (drawn) => figure(drawn, right), options);
  return { recall: figure(Array(images).keys(), right), ...interval };
};

/**
 * The difference of the mean class recalls of two classifiers (of accuracies, where all classes have as many images),
 * averaged over `pairs`, one for each seed of the nets. The interval is the percentile bootstrap over images and, of several
 * pairs, over these as well: both are drawn with replacement.
 *
 * @param trials the tests, the same for all pairs
 * @throws UsageError if there is no trial or no pair, or one with another number of results than there are trials
 */
export const pairedComparison = (
  trials: readonly Trial[],
  pairs: readonly Pair[],
  options: BootstrapOptions = {},
): Comparison => {
  if (pairs.length === 0) throw expected('at least one pair', 'pairs', 'none');
  for (const { length } of pairs.flatMap(({ better, than }) => [better, than]))
    if (length !== trials.length) throw expected(`${trials.length} results`, 'a pair', length);
  const { images, figure } = recallOver(trials);
  const gains = pairs.map(({ better, than }) => Float64Array.from(better, (right, i) => right - than[i]!));
  const average = (chosen: readonly Float64Array[]): Float64Array =>
    chosen.length === 1
      ? chosen[0]!
      : Float64Array.from(trials, (_, trial) => mean(chosen.map((gain) => gain[trial]!)));
  const random = new Random(options.seed ?? 1, 'pairs');
  const redrawn = (): readonly Float64Array[] =>
    gains.length === 1 ? gains : gains.map(() => gains[random.below(gains.length)]!);
  const interval = bootstrap(images, (drawn) => figure(drawn, average(redrawn())), options);
  return {
    difference: figure(Array(images).keys(), average(gains)),
    ...interval,
    verdict: verdictOf(interval),
  };
};
