// Mean, standard deviation and bootstrap confidence intervals of figures.
import { expected } from '../errors.js';
import { Random } from '../random.js';

/** Arithmetic mean; NaN for an empty list. */
export const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/**
 * Standard deviation of a sample (divided by n - 1); 0 for a single value. The ± of the paper's Caltech
 * figures.
 */
export const standardDeviation = (values: ArrayLike<number>): number => {
  if (values.length < 2) return values.length === 1 ? 0 : NaN;
  const centre = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - centre) ** 2;
  return Math.sqrt(sum / (values.length - 1));
};

/** The quantile `q` of sorted values, linearly interpolated. */
const quantile = (sorted: Float64Array, q: number): number => {
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
};

/** A confidence interval in the unit of its statistic. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly confidence: number;
  readonly resamples: number;
}

/** Number of resamples, confidence level and seed. */
export interface BootstrapOptions {
  readonly resamples?: number;
  readonly confidence?: number;
  readonly seed?: number | string;
}

/**
 * Percentile bootstrap: `statistic` is computed on `resamples` draws of `items` item indices with
 * replacement. Draws on which it is NaN (a class without a positive) are left out.
 *
 * @param items number of items to draw from @param statistic the figure of the drawn items, given their
 * indices (the array is reused: copy what is kept)
 * @throws UsageError when there are no items, `resamples` is below 2 or `confidence` outside (0, 1)
 */
export const bootstrap = (
  items: number,
  statistic: (drawn: Uint32Array) => number,
  { resamples = 1000, confidence = 0.95, seed = 1 }: BootstrapOptions = {},
): Interval => {
  if (!Number.isInteger(items) || items < 1) throw expected('at least one item', 'items', items);
  if (!Number.isInteger(resamples) || resamples < 2)
    throw expected('a whole number of at least 2', 'resamples', resamples);
  if (!(confidence > 0 && confidence < 1))
    throw expected('a share between 0 and 1', 'confidence', confidence);
  const random = new Random(seed, 'bootstrap');
  const drawn = new Uint32Array(items);
  const figures = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < items; i++) drawn[i] = random.below(items);
    figures[r] = statistic(drawn);
  }
  const sorted = figures.filter((figure) => !Number.isNaN(figure)).sort();
  const tail = (1 - confidence) / 2;
  return {
    low: sorted.length > 0 ? quantile(sorted, tail) : NaN,
    high: sorted.length > 0 ? quantile(sorted, 1 - tail) : NaN,
    confidence,
    resamples,
  };
};
