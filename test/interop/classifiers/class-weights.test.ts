// `verydeep evaluate --class-weight` against LIBLINEAR's -w1 and -w-1 on the same training images.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { drawSplit } from '../../../benchmarks/protocol/caltech.js';
import { openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { labelsOf } from '../../../benchmarks/protocol/fit.js';
import { loadModel } from '../../../src/classifiers/model-file.js';
import { decisionValues } from '../../../src/classifiers/model.js';
import { makeStore, clusters } from '../../benchmarks/stores.js';
import { farthest } from '../../classifiers/data.js';
import { verydeep, withFolder } from '../../support.js';
import { liblinear } from './peers.js';

describe('verydeep evaluate --class-weight', function () {
  this.timeout(120_000);

  it('weighs the sides as LIBLINEAR does', () =>
    withFolder(async (folder) => {
      const rows = clusters(['cat', 'dog', 'pie'], 24, 0.8);
      const store = await makeStore(join(folder, 'features'), rows);
      const descriptors = await openDescriptors([store]);
      const items = rows.map(({ id, labels }) => ({ id, path: id, source: { file: id }, labels }));
      const { train } = drawSplit(items, { splits: 1, trainPerClass: 16, validationShare: 0.2, seed: 1 }, 0);
      const matrix = await descriptors.read(train);
      const all = await descriptors.read(items);
      const classes = labelsOf(['cat', 'dog', 'pie'], train);
      for (const [flag, positive, negative] of [
        ['3', 3, 1],
        ['3:0.5', 3, 0.5],
        ['balanced', 48 / (2 * 16), 48 / (2 * 32)],
      ] as const) {
        const out = join(folder, flag);
        const { code, stderr } = await verydeep(
          `evaluate folder --features ${store} --train-per-class 16 --splits 1 --c 1 --class-weight ${flag} --save-models --threads 1 --quiet --out ${out}`.split(
            ' ',
          ),
        );
        assert.equal(code, 0, stderr);
        const model = await loadModel(join(out, 'models', 'split-1.safetensors'));
        const { data } = decisionValues(model, all);
        for (const [c, { name, labels }] of classes.entries()) {
          const own = Float32Array.from({ length: all.rows }, (_, i) => data[i * 3 + c]!);
          // A gap of 1e-4 leaves a distance of weights of sqrt(2e-4 · primal), and a row with its bias is sqrt(2) long.
          const reach = Math.SQRT2 * Math.sqrt(2e-4 * model.certificates[c]!.primal);
          const problem = { loss: 'hinge', bias: 'augmented', C: 1, positive, negative } as const;
          const unweighted = { ...problem, positive: 1, negative: 1 };
          const [peer, other] = await liblinear(folder, matrix, labels, all, [problem, unweighted]);
          assert.ok(peer!.converged);
          assert.ok(farthest(own, peer!.values) <= reach, `${flag}, ${name}: ${farthest(own, peer!.values)}`);
          assert.ok(farthest(own, other!.values) > 2 * reach, `${flag}, ${name}: weights change nothing`);
        }
      }
    }));
});
