// Average precision as the VOC development kits define it, in the 11-point form of 2007 and the all-points form of 2010.
import { expected } from '../errors.js';
import { rank } from './ranking.js';

/**
 * `11-point`: the measure of VOC 2007. `all-points`: the measure of VOC 2010 and later, the area under the
 * monotone curve. `step`: scikit-learn's, the area under the raw curve, with equal scores grouped.
 */
export type ApForm = '11-point' | 'all-points' | 'step';

/** Precision and recall after each item that counts, from rank 1 down; both in [0, 1]. */
export interface PrecisionRecall {
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  /** The score of the item at each point. */
  readonly scores: Float64Array;
  /** Number of positive items. */
  readonly positives: number;
}

/**
 * Precision and recall down the ranking. Items labelled 0 (only difficult objects) are neither right nor
 * wrong: they are removed first.
 *
 * @param scores one number an item, higher for "more likely present"; -Infinity where an item has no score
 * (ranked last)
 * @param labels one label an item: above 0 present, below 0 absent, 0 not counted
 * @returns curves of one point an item that counts; recall is NaN throughout if there is no positive
 * @throws UsageError when the lengths differ or a score is NaN
 */
export const precisionRecall = (scores: ArrayLike<number>, labels: ArrayLike<number>): PrecisionRecall => {
  if (scores.length !== labels.length) {
    throw expected(`${labels.length} scores, one a label`, 'scores', scores.length);
  }
  const counted = rank(scores).filter((item) => labels[item] !== 0);
  const positives = counted.reduce((sum, item) => sum + Number(labels[item]! > 0), 0);
  const precision = new Float64Array(counted.length);
  const recall = new Float64Array(counted.length);
  let found = 0;
  counted.forEach((item, i) => {
    found += Number(labels[item]! > 0);
    precision[i] = found / (i + 1);
    recall[i] = found / positives;
  });
  return { precision, recall, scores: Float64Array.from(counted, (item) => scores[item]!), positives };
};

/** The best precision from each point of the curve on: the monotone curve. */
const envelope = (precision: Float64Array): Float64Array => {
  const result = precision.slice();
  for (let i = result.length - 2; i >= 0; i--) result[i] = Math.max(result[i]!, result[i + 1]!);
  return result;
};

/**
 * Mean over the recalls 0, 0.1, …, 1 of the best precision at that recall or a higher one; 0 for a recall
 * that is never reached.
 */
const elevenPoint = ({ precision, recall }: PrecisionRecall): number => {
  const best = envelope(precision);
  let sum = 0;
  for (let i = 0; i <= 10; i++) sum += (best[recall.findIndex((value) => value >= i / 10)] ?? 0) / 11;
  return sum;
};

/** Area under the monotone curve, summed where recall grows. */
const allPoints = ({ precision, recall }: PrecisionRecall): number => {
  const best = envelope(precision);
  let area = 0;
  for (let i = 0; i < recall.length; i++) area += (recall[i]! - (recall[i - 1] ?? 0)) * best[i]!;
  return area;
};

/** Area under the raw curve: items of equal score are grouped, so that their order does not matter. */
const step = ({ precision, recall, scores }: PrecisionRecall): number => {
  let [area, before] = [0, 0];
  for (let i = 0; i < recall.length; i++) {
    if (scores[i + 1] === scores[i]) continue;
    area += (recall[i]! - before) * precision[i]!;
    before = recall[i]!;
  }
  return area;
};

const forms: Readonly<Record<ApForm, (curve: PrecisionRecall) => number>> = {
  '11-point': elevenPoint,
  'all-points': allPoints,
  step,
};

/**
 * Average precision of a ranking, in [0, 1]; NaN where no item is positive.
 *
 * @param scores as for {@link precisionRecall}
 * @param labels as for {@link precisionRecall}
 * @param form the definition; the paper's VOC 2007 figures are 11-point
 * @throws UsageError when the lengths differ or a score is NaN
 */
export const averagePrecision = (
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  form: ApForm = 'all-points',
): number => {
  const curve = precisionRecall(scores, labels);
  return curve.positives === 0 ? NaN : forms[form](curve);
};
