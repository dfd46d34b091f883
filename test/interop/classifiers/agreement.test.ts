// Our SVMs against LIBLINEAR, scikit-learn and libsvm-js: decision values within 1e-3, average precision within 1e-4.
import assert from 'node:assert/strict';
import { decisionValues } from '../../../src/classifiers/model.js';
import type { LinearModel } from '../../../src/classifiers/model.js';
import { trainOneVsRest } from '../../../src/classifiers/train.js';
import { averagePrecision } from '../../../src/evaluation/average-precision.js';
import type { Matrix } from '../../../src/matrix.js';
import { clusters, farthest } from '../../classifiers/data.js';
import { withFolder } from '../../support.js';
import { type PeerAnswer, type PeerProblem, liblinear, scikitLearn } from './peers.js';

const grid = [1e-3, 1e-2, 0.1, 1, 10, 100, 1e3];

/** Every loss, C and weighting of the sides with one kind of bias; of 240 rows 80 are positive. */
const problemsOf = (bias: PeerProblem['bias']): PeerProblem[] =>
  (['hinge', 'squared-hinge'] as const).flatMap((loss) =>
    grid.flatMap((C) =>
      [
        { positive: 1, negative: 1 },
        { positive: 3, negative: 0.5 },
        { positive: 1.5, negative: 0.75, balanced: true },
      ].map((sides) => ({ loss, bias, C, ...sides })),
    ),
  );

/** The primal objective of the augmented bias, from its definition. */
const objective = (
  { rows, columns, data }: Matrix,
  labels: Int8Array,
  weights: ArrayLike<number>,
  { loss, C, positive, negative }: PeerProblem,
): number => {
  let value = 0;
  for (let k = 0; k <= columns; k++) value += weights[k]! ** 2 / 2;
  for (let i = 0; i < rows; i++) {
    let f = weights[columns]!;
    for (let k = 0; k < columns; k++) f += weights[k]! * data[i * columns + k]!;
    const slack = Math.max(0, 1 - labels[i]! * f);
    value += C * (labels[i]! > 0 ? positive : negative) * (loss === 'hinge' ? slack : slack ** 2);
  }
  return value;
};

describe('linear SVMs, against other libraries at tight tolerances', function () {
  this.timeout(300_000);

  // Rows of length one, non-negative, with a large mean in common; some classes overlap, so that no C separates all.
  const { matrix, classes } = clusters(3, 80, 48, 1, 1.5);
  const unseen = clusters(3, 80, 48, 9, 1.5);
  const { labels } = classes[0]!;
  const truth = unseen.classes[0]!.labels;

  const solvedBy =
    (solver: 'auto' | 'newton', tolerance: number) =>
    async ({ loss, bias, C, positive, negative, balanced }: PeerProblem): Promise<LinearModel> => {
      const classWeight = balanced ? 'balanced' : { positive, negative };
      const settings = { loss, bias, classWeight, tolerance, solver } as const;
      const model = await trainOneVsRest(matrix, [classes[0]!], C, settings);
      assert.ok(model.certificates[0]!.converged);
      return model;
    };
  const solved = solvedBy('auto', 1e-9);

  const compare = async (
    problems: readonly PeerProblem[],
    answers: readonly PeerAnswer[],
    solve = solved,
    precise = 1e-4,
  ): Promise<number> => {
    let [compared, worst, worstPrecision] = [0, 0, 0];
    for (const [i, problem] of problems.entries()) {
      const { values } = answers[i]!;
      const model = await solve(problem);
      const { data } = decisionValues(model, unseen.matrix);
      const far = farthest(data, values);
      assert.ok(far < 1e-3, `${JSON.stringify(problems[i])}: decision values differ by ${far}`);
      const [ours, theirs] = [data, values].map((scores) => averagePrecision(Array.from(scores), truth));
      const precision = Math.abs(ours! - theirs!);
      assert.ok(precision < precise, `${JSON.stringify(problems[i])}: average precision ${ours} ${theirs}`);
      [compared, worst, worstPrecision] = [
        compared + 1,
        Math.max(worst, far),
        Math.max(worstPrecision, precision),
      ];
    }
    if (process.env['VERYDEEP_FIGURES'])
      process.stderr.write(
        `        ${compared} of ${problems.length} problems compared: decision values within ${worst.toExponential(1)}, average precision within ${worstPrecision.toExponential(1)}\n`,
      );
    return compared;
  };

  it('agree with LIBLINEAR: its program, or its core with more iterations where 1,000 are too few for it', () =>
    withFolder(async (folder) => {
      const problems = problemsOf('augmented');
      const answers = await liblinear(folder, matrix, labels, unseen.matrix, problems);
      const open = [...problems.keys()].filter((i) => !answers[i]!.converged);
      assert.ok(open.length < problems.length / 2, `${open.length} of ${problems.length}`);
      // LinearSVC is LIBLINEAR's C code with a limit that can be set; it fails where it does not converge.
      const longer = await scikitLearn(
        matrix,
        labels,
        unseen.matrix,
        open.map((i) => problems[i]!),
      );
      for (const [at, i] of open.entries()) {
        const [problem, { weights, values }] = [problems[i]!, answers[i]!];
        const model = await solved(problem);
        const { primal, dual } = model.certificates[0]!;
        const excess = objective(matrix, labels, weights!, problem) - dual;
        assert.ok(excess >= 0, `LIBLINEAR is ${excess} below what is proved to be the least objective`);
        // What it stopped at is as far from the optimum as its objective allows: |w - w*|² is at most twice the excess.
        const reach = Math.SQRT2 * (Math.sqrt(2 * excess) + Math.sqrt(2 * (primal - dual))) + 1e-5;
        const { data } = decisionValues(model, unseen.matrix);
        assert.ok(farthest(data, values) <= reach, `${farthest(data, values)} of ${reach}`);
        answers[i] = longer[at]!;
      }
      if (process.env['VERYDEEP_FIGURES']) {
        process.stderr.write(`        LIBLINEAR's program converged on ${problems.length - open.length}\n`);
      }
      assert.equal(await compare(problems, answers), problems.length);
    }));

  for (const bias of ['augmented', 'unregularised'] as const)
    it(`agree with scikit-learn: ${bias} bias`, async () => {
      const problems = problemsOf(bias);
      const answers = await scikitLearn(matrix, labels, unseen.matrix, problems);
      assert.equal(await compare(problems, answers), problems.length);
      const squared = [...problems.keys()].filter((i) => problems[i]!.loss === 'squared-hinge');
      const [asked, given] = [squared.map((i) => problems[i]!), squared.map((i) => answers[i]!)];
      assert.equal(await compare(asked, given, solvedBy('newton', 1e-6), 1e-3), 21); // Products in float32.
    });

  it('agree with libsvm-js on the unregularised bias', async () => {
    const problems = problemsOf('unregularised').filter(({ loss }) => loss === 'hinge');
    const answers: PeerAnswer[] = [];
    for (const { C, positive, negative, balanced } of problems) {
      const classWeight = balanced ? 'balanced' : { positive, negative };
      const options = { solver: 'libsvm', tolerance: 1e-8, classWeight } as const;
      const model = await trainOneVsRest(matrix, [classes[0]!], C, options);
      const { data } = decisionValues(model, unseen.matrix);
      answers.push({ values: Array.from(data), converged: true });
    }
    assert.equal(await compare(problems, answers), problems.length);
  });
});
