// Our SVMs against LIBLINEAR, scikit-learn and libsvm-js: decision values within 1e-3, average precision within 1e-4.
import assert from 'node:assert/strict';
import { decisionValues } from '../../../src/classifiers/model.js';
import { trainOneVsRest } from '../../../src/classifiers/train.js';
import { averagePrecision } from '../../../src/evaluation/average-precision.js';
import { clusters, farthest } from '../../classifiers/data.js';
import { withFolder } from '../../support.js';
import { type PeerAnswer, type PeerProblem, liblinear, scikitLearn } from './peers.js';

const grid = [1e-3, 1e-2, 0.1, 1, 10, 100, 1e3];

/** Every loss, C and weighting of the sides with one kind of bias. */
const problemsOf = (bias: PeerProblem['bias']): PeerProblem[] =>
  (['hinge', 'squared-hinge'] as const).flatMap((loss) =>
    grid.flatMap((C) =>
      [
        { positive: 1, negative: 1 },
        { positive: 3, negative: 0.5 },
      ].map((sides) => ({ loss, bias, C, ...sides })),
    ),
  );

describe('linear SVMs, against other libraries at tight tolerances', function () {
  this.timeout(300_000);

  // Rows of length one, non-negative, with a large mean in common; some classes overlap, so that no C separates all.
  const { matrix, classes } = clusters(3, 80, 48, 1, 1.5);
  const unseen = clusters(3, 80, 48, 9, 1.5);
  const { labels } = classes[0]!;
  const truth = unseen.classes[0]!.labels;

  const compare = async (
    problems: readonly PeerProblem[],
    answers: readonly PeerAnswer[],
  ): Promise<number> => {
    let [compared, worst, worstPrecision] = [0, 0, 0];
    for (const [i, { positive, negative, loss, bias, C }] of problems.entries()) {
      const { values, converged } = answers[i]!;
      if (!converged) continue;
      const model = await trainOneVsRest(matrix, [classes[0]!], C, {
        ...{ loss, bias, classWeights: { positive, negative }, tolerance: 1e-9 },
      });
      assert.ok(model.certificates[0]!.converged);
      const { data } = await decisionValues(model, unseen.matrix);
      const far = farthest(data, values);
      assert.ok(far < 1e-3, `${JSON.stringify(problems[i])}: decision values differ by ${far}`);
      const [ours, theirs] = [data, values].map((scores) => averagePrecision(Array.from(scores), truth));
      const precision = Math.abs(ours! - theirs!);
      assert.ok(precision < 1e-4, `${JSON.stringify(problems[i])}: average precision ${ours} ${theirs}`);
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

  it('agree with LIBLINEAR wherever it converges within its 1,000 iterations', () =>
    withFolder(async (folder) => {
      const problems = problemsOf('augmented');
      const answers = await liblinear(folder, matrix, labels, unseen.matrix, problems);
      const compared = await compare(problems, answers);
      assert.ok(compared >= 0.6 * problems.length, `${compared} of ${problems.length}`);
    }));

  for (const bias of ['augmented', 'unregularised'] as const)
    it(`agree with scikit-learn: ${bias} bias`, async () => {
      const problems = problemsOf(bias);
      const answers = await scikitLearn(matrix, labels, unseen.matrix, problems);
      assert.equal(await compare(problems, answers), problems.length);
    });

  it('agree with libsvm-js on the unregularised bias', async () => {
    const problems = problemsOf('unregularised').filter(({ loss }) => loss === 'hinge');
    const answers: PeerAnswer[] = [];
    for (const { C, positive, negative } of problems) {
      const model = await trainOneVsRest(matrix, [classes[0]!], C, {
        ...{ solver: 'libsvm', tolerance: 1e-8, classWeights: { positive, negative } },
      });
      const { data } = await decisionValues(model, unseen.matrix);
      answers.push({ values: Array.from(data), converged: true });
    }
    assert.equal(await compare(problems, answers), problems.length);
  });
});
