// The choice of C of FAIR and VISSL: for each class the C with the best mean average precision over stratified folds.
import type { LinearModel } from '../../src/classifiers/model.js';
import { trainOneVsRest } from '../../src/classifiers/train.js';
import { type CurvePoint, selectC } from '../../src/classifiers/select.js';
import type { Item } from '../../src/datasets/dataset.js';
import { expected } from '../../src/errors.js';
import { averagePrecision } from '../../src/evaluation/average-precision.js';
import { mean } from '../../src/evaluation/statistics.js';
import type { Descriptors } from './descriptors.js';
import type { FitOptions, Fitted } from './fit.js';
import { inPart, labelsOf, prepare, withNotes } from './fit.js';

/**
 * The fold of each row, with scikit-learn's unshuffled stratification: labels keep their shares in every fold, and the
 * rows of a label go to the folds in runs, in the order of the rows.
 */
export const stratifiedFolds = (labels: ArrayLike<number>, folds: number): Int32Array => {
  const all = Array.from(labels);
  const kinds = [...new Set(all)]; // In order of appearance, as scikit-learn numbers them.
  const sorted = kinds.flatMap((kind, k) => all.filter((label) => label === kind).map(() => k));
  const result = new Int32Array(all.length);
  kinds.forEach((kind, k) => {
    // Fold f gets as many as every folds-th place of the sorted labels, from f on, holds.
    const sizes = Array.from(
      { length: folds },
      (_, fold) => sorted.filter((other, i) => other === k && i % folds === fold).length,
    );
    const order = sizes.flatMap((size, fold) => new Array<number>(size).fill(fold));
    let next = 0;
    all.forEach((label, row) => {
      if (label === kind) result[row] = order[next++]!;
    });
  });
  return result;
};

/**
 * Trains every class with the C of its own that is best in cross-validation. Images with only difficult objects count
 * as negatives here, as in that protocol.
 *
 * @throws UsageError naming a class with fewer positives than folds
 */
export const crossValidated = async (
  descriptors: Descriptors,
  classes: readonly string[],
  train: readonly Item[],
  folds: number,
  { cGrid, c, ...options }: FitOptions,
): Promise<Fitted> => {
  const { items, rows, settings, notes } = await prepare(descriptors, classes, train, options);
  const problems = labelsOf(
    classes,
    items.map(({ id, path, source, labels }) => ({ id, path, source, labels })),
  );
  // Folds go by the order of the training list, whatever order the rows are streamed in.
  const at = new Map(items.map(({ id }, row) => [id, row]));
  const inList = train.map(({ id }) => at.get(id)!);
  const foldsOfRows = (labels: Int8Array): Int32Array => {
    const listed = stratifiedFolds(
      Int8Array.from(inList, (row) => labels[row]!),
      folds,
    );
    const foldOf = new Int32Array(listed.length);
    inList.forEach((row, i) => (foldOf[row] = listed[i]!));
    return foldOf;
  };
  const finish = async (chosen: number | readonly number[]): Promise<LinearModel> =>
    withNotes(await trainOneVsRest(rows, problems, chosen, settings), notes);
  if (c !== undefined) return { model: await finish(c) };
  const curves: CurvePoint[][] = [];
  for (const problem of problems) {
    const positives = problem.labels.filter((label) => label === 1).length;
    if (positives < folds) {
      throw expected(`at least ${folds} training images of every class`, `class ${problem.name}`, positives);
    }
    const foldOf = foldsOfRows(problem.labels);
    const perFold: (readonly CurvePoint[])[] = [];
    for (let fold = 0; fold < folds; fold++) {
      const validation = [...foldOf.keys()].filter((row) => foldOf[row] === fold);
      const { curve } = await selectC(
        rows,
        [problem],
        (scores, [own]) => [averagePrecision(scores.data, own!, 'step')],
        {
          ...inPart(settings, `${problem.name}-fold-${fold + 1}`),
          validation,
          widen: false,
          ...(cGrid && { cGrid }),
        },
      );
      perFold.push(curve);
    }
    curves.push(
      perFold[0]!.map((point, i): CurvePoint => {
        const value = mean(perFold.map((curve) => curve[i]!.mean));
        return { ...point, mean: value, perClass: [value] };
      }),
    );
  }
  const chosen = curves.map((curve) => curve.reduce((a, b) => (b.mean > a.mean ? b : a)).C);
  const curve = curves[0]!.map(({ C: value }, at): CurvePoint => ({
    C: value,
    mean: mean(curves.map((own) => own[at]!.mean)),
    perClass: curves.map((own) => own[at]!.mean),
    worstGap: Math.max(...curves.map((own) => own[at]!.worstGap)),
  }));
  return {
    model: await finish(chosen),
    selection: { C: chosen, curve, widened: [], notes: [] },
    choice: { metric: 'mAP', on: `${folds} folds` },
  };
};
