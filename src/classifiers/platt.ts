// Platt scaling: decision values become probabilities by a sigmoid fitted on rows that the SVMs were not
// trained on.
import type { Matrix } from '../matrix.js';
import { stratifiedFolds, withoutHeld } from './folds.js';
import { type LinearModel, type Sigmoid, decisionValues } from './model.js';
import type { Bias, Loss } from './options.js';
import type { ClassLabels } from './problem.js';
import { type Descriptors, blocksOf } from './rows.js';
import { type TrainOptions, trainOneVsRest } from './train.js';

const MOST_STEPS = 100;
/** Number of rows scored at a time. */
const BLOCK = 4096;

/** ln(1 + eˣ) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** 1 / (1 + exp(a · value + b)). */
export const probability = ({ a, b }: Sigmoid, value: number): number => {
  const z = a * value + b;
  return z >= 0 ? Math.exp(-z) / (1 + Math.exp(-z)) : 1 / (1 + Math.exp(z));
};

/**
 * The maximum-likelihood sigmoid, by Newton's method with backtracking and Platt's smoothed targets:
 * (positives + 1) / (positives + 2) and 1 / (negatives + 2) (Lin, Lin and Weng, 2007). Rows labelled 0 do not
 * count.
 */
export const fitSigmoid = (values: ArrayLike<number>, labels: Int8Array): Sigmoid => {
  const rows = [...labels.keys()].filter((i) => labels[i] !== 0);
  const positives = rows.filter((i) => labels[i]! > 0).length;
  const negatives = rows.length - positives;
  const target = (i: number): number =>
    labels[i]! > 0 ? (positives + 1) / (positives + 2) : 1 / (negatives + 2);
  const lossAt = (a: number, b: number): number => {
    let sum = 0;
    for (const i of rows) {
      const z = a * values[i]! + b;
      sum += softplus(z) - (1 - target(i)) * z;
    }
    return sum;
  };
  let [a, b] = [0, Math.log((negatives + 1) / (positives + 1))];
  let loss = lossAt(a, b);
  for (let step = 0; step < MOST_STEPS; step++) {
    let [haa, hab, hbb, ga, gb] = [1e-12, 0, 1e-12, 0, 0];
    for (const i of rows) {
      const value = values[i]!;
      const p = probability({ a, b }, value);
      const [d1, d2] = [target(i) - p, p * (1 - p)];
      haa += value * value * d2;
      hab += value * d2;
      hbb += d2;
      ga += value * d1;
      gb += d1;
    }
    if (Math.abs(ga) < 1e-5 && Math.abs(gb) < 1e-5) break;
    const determinant = haa * hbb - hab * hab;
    const [da, db] = [-(hbb * ga - hab * gb) / determinant, -(haa * gb - hab * ga) / determinant];
    const slope = ga * da + gb * db;
    let size = 1;
    for (; size >= 1e-10; size /= 2) {
      const next = lossAt(a + size * da, b + size * db);
      if (next < loss + 1e-4 * size * slope) {
        [a, b, loss] = [a + size * da, b + size * db, next];
        break;
      }
    }
    if (size < 1e-10) break;
  }
  return { a, b };
};

/**
 * The model with one sigmoid per class, fitted on decision values of held-out rows: k SVMs per class are
 * trained with the model's own C, loss and bias, each on all folds but one.
 *
 * @param options those that the model was trained with @throws UsageError if a class has fewer positive rows
 * than folds
 */
export const calibrate = async (
  model: LinearModel,
  descriptors: Descriptors,
  classes: readonly ClassLabels[],
  options: TrainOptions & {
    readonly folds?: number;
    readonly seed?: number;
    /** The name of each row's group: rows of one group are in the same fold. */
    readonly groups?: readonly string[];
  } = {},
): Promise<LinearModel> => {
  const { folds = 3, seed = 1, groups, ...training } = options;
  const values = classes.map(() => new Float32Array(descriptors.rows));
  for (const [i, held] of stratifiedFolds(classes, folds, seed, groups).entries()) {
    const fold = await trainOneVsRest(descriptors, withoutHeld(classes, held), model.C, {
      ...training,
      loss: model.loss as Loss,
      bias: model.bias as Bias,
      part: `fold-${i + 1}`,
    });
    for await (const { start, block } of blocksOf(descriptors, BLOCK)) {
      const scores = decisionValues(fold, block);
      for (let row = 0; row < block.rows; row++) {
        if (!held[start + row]) continue;
        values.forEach((column, c) => (column[start + row] = scores.data[row * classes.length + c]!));
      }
    }
  }
  return { ...model, sigmoids: classes.map(({ labels }, c) => fitSigmoid(values[c]!, labels)) };
};

/** The softmax of each row. */
const softmax = ({ rows, columns, data }: Matrix): Matrix => {
  const result = Float32Array.from(data);
  for (let i = 0; i < rows; i++) {
    const row = result.subarray(i * columns, (i + 1) * columns);
    const highest = Math.max(...row);
    const sum = row.reduce((total, value) => total + Math.exp(value - highest), 0);
    row.forEach((value, c) => (row[c] = Math.exp(value - highest) / sum));
  }
  return { rows, columns, data: result };
};

/**
 * Probabilities [rows, classes] of decision values. Of calibrated SVMs, and where an image may have several labels, each
 * class independently (they need not sum to 1); undefined for SVMs that were not calibrated.
 */
export const probabilities = (model: LinearModel, scores: Matrix): Matrix | undefined => {
  if (model.classifier === 'knn') return scores;
  if (model.link === 'softmax') return softmax(scores);
  if (model.link === 'sigmoid')
    return { ...scores, data: scores.data.map((value) => probability({ a: -1, b: 0 }, value)) };
  const { sigmoids } = model;
  if (!sigmoids) return undefined;
  const data = scores.data.map((value, i) => probability(sigmoids[i % scores.columns]!, value));
  return { ...scores, data };
};
