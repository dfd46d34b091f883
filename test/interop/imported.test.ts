// Imported descriptors by the protocol of FAIR and VISSL, beside its own steps in scikit-learn; and by every other protocol.
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchmarkNamed } from '../../benchmarks/list.js';
import { runBenchmark } from '../../benchmarks/protocol/run.js';
import { openDataset } from '../../src/datasets/open.js';
import { importFeatures } from '../../src/features/store/import/import.js';
import { makeVoc } from '../fixtures/datasets/voc.js';
import { python } from './python.js';

/** Descriptors in which classes show a little, by the labels of each image; rows in another order than the lists'. */
const MAKE = `
import json, sys
import numpy as np
names, labels, out = sys.argv[1:4]
names, labels = json.load(open(names)), np.array(json.load(open(labels)))
rng = np.random.default_rng(7)
x = labels @ rng.normal(size=(20, 24)) + 1.5 * rng.normal(size=(len(names), 24))
order = rng.permutation(len(names))
np.save(out + ".npy", (3 * x[order]).astype(np.float32))
open(out + ".txt", "w").write("".join(f"/data/JPEGImages/{names[i]}.jpg\\n" for i in order))
`;

/** The steps of fair_self_supervision_benchmark's train_svm_kfold.py and test_svm.py, with a tighter tolerance. */
const FAIR = `
import json, sys
import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.svm import LinearSVC
given = json.load(open(sys.argv[1]))
x = np.load(sys.argv[2] + ".npy")
rows = {line.strip()[-10:-4]: i for i, line in enumerate(open(sys.argv[2] + ".txt"))}
def features(names):
    f = x[[rows[n] for n in names]]
    return f / (np.linalg.norm(f, axis=1) + 1e-5)[:, None]
train, test = features(given["train"]), features(given["test"])
costs = sorted([0.01, 0.1] + [0.5 ** i for i in range(4, 20)])
result = []
for c, name in enumerate(given["classes"]):
    y = np.array(given["trainLabels"])[:, c]
    svm = lambda cost: LinearSVC(C=cost, class_weight={1: 2, -1: 1}, intercept_scaling=1.0, penalty="l2",
        loss="squared_hinge", tol=1e-7, dual=True, max_iter=20000, random_state=0)
    y = np.where(y == 1, 1, -1)
    aps = [cross_val_score(svm(cost), train, y, cv=3, scoring="average_precision").mean() for cost in costs]
    best = costs[int(np.argmax(aps))]
    scores = svm(best).fit(train, y).decision_function(test)
    t = np.array(given["testLabels"])[:, c]
    keep = t >= 0
    order = np.argsort(-scores[keep], kind="stable")
    hits = t[keep][order] == 1
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    recall = np.cumsum(hits) / max(1, hits.sum())
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    ap = float(np.sum(np.diff(np.concatenate([[0], recall])) * precision))
    result.append({"class": name, "C": best, "ap": 100 * ap, "curve": max(aps)})
print(json.dumps(result))
`;

describe('interop/imported', function () {
  this.timeout(120_000);
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'verydeep-imported-'))));
  after(() => rm(folder, { recursive: true, force: true }));

  it("equals FAIR's steps: the C and the average precision of each class", async () => {
    const data = join(folder, 'voc');
    await makeVoc(2007, data, { width: 48, perClass: 2 });
    const dataset = await openDataset('voc2007', data);
    const items = dataset.items();
    const statesOf = (list: typeof items) =>
      list.map(({ labels, ignored = [] }) =>
        dataset.classes.map((name) => (labels.includes(name) ? 1 : ignored.includes(name) ? -1 : 0)),
      );
    const [names, labels, x, given] = ['names.json', 'labels.json', 'x', 'given.json'].map((name) => join(folder, name)); // prettier-ignore
    await writeFile(names!, JSON.stringify(items.map(({ id }) => id)));
    await writeFile(
      labels!,
      JSON.stringify(statesOf(items).map((row) => row.map((state) => Number(state === 1)))),
    );
    await python(MAKE, [names!, labels!, x!]);
    const store = join(folder, 'store');
    const { account } = await importFeatures(`${x}.npy`, { out: store, items, name: 'A net of others' });
    assert.deepEqual([account.rule, account.matched], ['stem', items.length]);

    const run = (protocol: 'paper' | 'vissl', svm = {}) =>
      runBenchmark(benchmarkNamed('voc2007', protocol), {
        data,
        backbones: [],
        features: [store],
        recipe: {},
        svm: { threads: 1, ...svm },
        bootstrap: { resamples: 20 },
        seed: 1,
        out: join(folder, `out-${protocol}-${Object.values(svm).join('')}`),
        command: 'verydeep evaluate voc2007 …',
      });
    const results = await run('vissl');
    const [train, test] = [dataset.splits['trainval']!, dataset.splits['test']!];
    await writeFile(
      given!,
      JSON.stringify({
        classes: dataset.classes,
        train: train.map(({ id }) => id),
        test: test.map(({ id }) => id),
        trainLabels: statesOf(train),
        testLabels: statesOf(test),
      }),
    );
    const fair = JSON.parse(await python(FAIR, [given!, x!])) as { class: string; C: number; ap: number }[];
    const [split] = results.splits;
    assert.deepEqual(split!.C, fair.map(({ C }) => C)); // prettier-ignore
    split!.perClass.forEach(({ name, figures }, c) => {
      assert.equal(name, fair[c]!.class);
      assert.ok(
        Math.abs(figures['ap']! - fair[c]!.ap) < 1e-3,
        `${name}: ${figures['ap']} and ${fair[c]!.ap}`,
      );
    });

    // Whose descriptors these are, what published figures are, and that nothing is known of training images.
    const report = await readFile(join(folder, 'out-vissl-', 'report.html'), 'utf8');
    assert.match(report, /this run, features of A net of others \(imported\)/);
    assert.match(report, /Contamination unknown: nothing tells which images trained A net of others/);
    assert.equal(results.seen.known, 'none');
    for (const solver of ['dual', 'primal', 'libsvm'] as const) {
      const paper = await run('paper', { solver, c: 1 });
      assert.ok(paper.mean! > 30, `${solver} ${paper.mean}`);
      const page = await readFile(join(folder, `out-paper-${solver}1`, 'report.html'), 'utf8');
      assert.ok(page.includes('>89.7</td><td>published: their own nets and recipe</td>'), 'published rows');
    }
  });
});
