// Average precision and class recall against Octave (the definitions of the VOC kits) and scikit-learn, on random cases.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { averagePrecision } from '../../src/evaluation/average-precision.js';
import { accuracy, confusionMatrix, meanClassRecall } from '../../src/evaluation/confusion.js';
import { topK } from '../../src/evaluation/top-k.js';
import { stratifiedFolds } from '../../benchmarks/protocol/cross-validation.js';
import { Random } from '../../src/random.js';
import { withFolder } from '../support.js';
import { python, run } from './python.js';

interface Case {
  readonly scores: number[];
  readonly labels: number[];
}

/** Rankings of any length, with ties, items without a score and labels 0; at least one positive. */
const cases = (count: number, seed: number, options: { ignored: boolean; missing: boolean }): Case[] =>
  Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, 'case', i);
    const n = 1 + random.below(60);
    const levels = [3, 10, 1e9][random.below(3)]!;
    const labels = Array.from({ length: n }, () =>
      options.ignored ? random.below(3) - 1 : 2 * random.below(2) - 1,
    );
    labels[random.below(n)] = 1;
    const scores = labels.map((label) =>
      options.missing && random.below(10) === 0
        ? -Infinity
        : Math.floor(levels * (random.uniform() + 0.3 * label)) / levels,
    );
    return { scores, labels };
  });

/**
 * The kits' definitions, written from their description: a stable falling sort; an item counts as found where its label
 * is above 0 and as wrong where it is below; the two forms of average precision.
 */
const octave = `
function value = eleven(recall, precision)
  value = 0;
  for i = 0:10
    reached = precision(recall >= i / 10);
    if (! isempty(reached))
      value += max(reached) / 11;
    end
  end
end
function value = area(recall, precision)
  r = [0; recall; 1];
  p = [0; precision; 0];
  for i = numel(p) - 1 : -1 : 1
    p(i) = max(p(i), p(i + 1));
  end
  steps = find(r(2:end) != r(1:end-1)) + 1;
  value = sum((r(steps) - r(steps - 1)) .* p(steps));
end
lines = strsplit(strtrim(fileread(argv(){1})), "\\n");
for k = 1 : 2 : numel(lines)
  out = sscanf(strrep(lines{k}, "-Infinity", "-Inf"), "%f");
  gt = sscanf(lines{k + 1}, "%f");
  [~, order] = sort(-out);
  tp = cumsum(gt(order) > 0);
  fp = cumsum(gt(order) < 0);
  recall = tp / sum(gt > 0);
  precision = tp ./ (fp + tp);
  printf("%.17g %.17g\\n", eleven(recall, precision), area(recall, precision));
end
`;

describe('average precision, against Octave', function () {
  this.timeout(120_000);

  it('equals the definitions of the VOC kits on 500 random rankings with ties, missing scores and difficult images', () =>
    withFolder(async (folder) => {
      const random = cases(500, 1, { ignored: true, missing: true });
      const [script, data] = [join(folder, 'ap.m'), join(folder, 'cases.txt')];
      await writeFile(script, octave);
      await writeFile(
        data,
        random.map(({ scores, labels }) => `${scores.join(' ')}\n${labels.join(' ')}\n`).join(''),
      );
      const text = await run('octave-cli', ['--quiet', '--no-init-file', script, data]);
      const theirs = text
        .trim()
        .split('\n')
        .map((line) => line.split(' ').map(Number));
      assert.equal(theirs.length, random.length);
      let exact = 0;
      random.forEach(({ scores, labels }, i) => {
        const ours = (['11-point', 'all-points'] as const).map((form) =>
          averagePrecision(scores, labels, form),
        );
        ours.forEach((value, form) => {
          assert.ok(Math.abs(value - theirs[i]![form]!) <= 4e-16, `case ${i}: ${value} ${theirs[i]![form]}`);
          exact += Number(value === theirs[i]![form]);
        });
      });
      // The rest differ in the last bit: Octave's sum adds in another order.
      assert.ok(exact > 0.9 * 2 * random.length, `${exact} of ${2 * random.length} equal to the last bit`);
    }));
});

const sklearn = `
import json, sys
import numpy as np
from sklearn.metrics import average_precision_score, balanced_accuracy_score, accuracy_score, confusion_matrix, top_k_accuracy_score
from sklearn.model_selection import StratifiedKFold
data = json.load(sys.stdin)
result = {
  'ap': [average_precision_score(np.array(c['labels']) > 0, c['scores']) for c in data['cases']],
  'classes': [],
  'folds': [],
}
for c in data['classes']:
    t, p, s = np.array(c['truth']), np.array(c['predicted']), np.array(c['scores'])
    result['classes'].append({
      'recall': balanced_accuracy_score(t, p),
      'accuracy': accuracy_score(t, p),
      'confusion': confusion_matrix(t, p, labels=range(4)).tolist(),
      'top2': top_k_accuracy_score(t, s, k=2, labels=range(4)),
    })
for labels in data['folds']:
    folds = np.zeros(len(labels), int)
    for i, (_, test) in enumerate(StratifiedKFold(3).split(np.zeros(len(labels)), labels)):
        folds[test] = i
    result['folds'].append(folds.tolist())
print(json.dumps(result))
`;

interface Answer {
  readonly ap: number[];
  readonly classes: { recall: number; accuracy: number; confusion: number[][]; top2: number }[];
  readonly folds: number[][];
}

describe('metrics, against scikit-learn', function () {
  this.timeout(300_000);

  it('equals average precision, class recall, accuracy, confusion, top-k and stratified folds', async () => {
    const rankings = cases(200, 2, { ignored: false, missing: false });
    const classes = Array.from({ length: 50 }, (_, i) => {
      const random = new Random(3, i);
      const n = 8 + random.below(40);
      const truth = Array.from({ length: n }, (_, k) => (k < 4 ? k : random.below(4)));
      const scores = truth.map((label) =>
        Array.from({ length: 4 }, (_, c) => Math.fround(random.normal() + Number(c === label))),
      );
      const predicted = scores.map((row) => row.indexOf(Math.max(...row)));
      return { truth, predicted, scores };
    });
    const folds = Array.from({ length: 50 }, (_, i) => {
      const random = new Random(4, i);
      return Array.from({ length: 12 + random.below(60) }, (_, k) =>
        k % 4 === 0 || random.below(5) === 0 ? 1 : -1,
      );
    });
    const answer = JSON.parse(
      await python(sklearn, [], { input: JSON.stringify({ cases: rankings, classes, folds }) }),
    ) as Answer;
    rankings.forEach(({ scores, labels }, i) => {
      const ours = averagePrecision(scores, labels, 'step');
      assert.ok(Math.abs(ours - answer.ap[i]!) < 1e-12, `case ${i}: ${ours} ${answer.ap[i]}`);
    });
    classes.forEach(({ truth, predicted, scores }, i) => {
      const theirs = answer.classes[i]!;
      const confusion = confusionMatrix(truth, predicted, 4);
      assert.ok(Math.abs(meanClassRecall(confusion) - theirs.recall) < 1e-12);
      assert.ok(Math.abs(accuracy(confusion) - theirs.accuracy) < 1e-12);
      assert.deepEqual(
        [0, 1, 2, 3].map((t) => [...confusion.counts.subarray(5 * t, 5 * t + 4)]),
        theirs.confusion,
      );
      const matrix = { rows: truth.length, columns: 4, data: Float32Array.from(scores.flat()) };
      assert.ok(Math.abs(topK(matrix, truth, 2) - theirs.top2) < 1e-12);
    });
    folds.forEach((labels, i) => assert.deepEqual([...stratifiedFolds(labels, 3)], answer.folds[i]));
  });
});
