// Bootstrap interval of a mean average precision: items are resampled, rankings are computed once.
import type { Matrix } from '../matrix.js';
import { rank } from './ranking.js';
import type { BootstrapOptions, Interval } from './statistics.js';
import { bootstrap } from './statistics.js';

/** Items of one class that count, best first, and whether each is positive. */
interface Ranking {
  readonly items: Uint32Array;
  readonly positive: Uint8Array;
}

/**
 * Average precision where item i occurs `times[i]` times in a row. Copies of a positive raise precision one by one, so
 * only the last of them matters to the monotone curve.
 */
const weightedAp = ({ items, positive }: Ranking, times: Uint32Array, elevenPoint: boolean): number => {
  let [found, seen] = [0, 0];
  const precision = new Float64Array(items.length);
  const recalled = new Float64Array(items.length);
  items.forEach((item, i) => {
    const count = times[item]!;
    seen += count;
    if (positive[i]) found += count;
    precision[i] = seen === 0 ? 0 : found / seen;
    recalled[i] = found;
  });
  if (found === 0) return NaN;
  let [best, area, point, points] = [0, 0, 10, 0];
  for (let i = items.length - 1; i >= 0; i--) {
    // Recall levels between the recall before item i and at item i get the best precision from i on.
    best = Math.max(best, precision[i]!);
    const before = i > 0 ? recalled[i - 1]! : 0;
    area += ((recalled[i]! - before) / found) * best;
    for (; point > 0 && before / found < point / 10; point--) points += best;
  }
  return elevenPoint ? (points + best) / 11 : area;
};

/**
 * The interval of the mean over classes, in [0, 1].
 *
 * @param scores [items, classes]
 * @param labels labels of each class: above 0 present, below 0 absent, 0 not counted
 */
export const meanApInterval = (
  scores: Matrix,
  labels: readonly ArrayLike<number>[],
  form: '11-point' | 'all-points',
  options: BootstrapOptions = {},
): Interval => {
  const rankings = labels.map((own, c): Ranking => {
    const column = Float64Array.from({ length: scores.rows }, (_, i) => scores.data[i * scores.columns + c]!);
    const items = rank(column).filter((item) => own[item] !== 0);
    return { items, positive: Uint8Array.from(items, (item) => Number(own[item]! > 0)) };
  });
  const times = new Uint32Array(scores.rows);
  return bootstrap(
    scores.rows,
    (drawn) => {
      times.fill(0);
      for (const i of drawn) times[i]!++;
      let [sum, classes] = [0, 0];
      for (const ranking of rankings) {
        const ap = weightedAp(ranking, times, form === '11-point');
        if (Number.isNaN(ap)) continue;
        sum += ap;
        classes++;
      }
      return sum / classes;
    },
    options,
  );
};
