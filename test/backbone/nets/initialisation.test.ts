import assert from 'node:assert/strict';
import {
  type WeightedLayer,
  architecture,
  configs,
  weightedLayersOf,
} from '../../../src/backbone/nets/architecture.js';
import { initialStd, initialWeights, initialisations } from '../../../src/backbone/nets/initialisation.js';

const layer = {
  kind: 'conv',
  name: 'conv2_1',
  inputs: 64,
  outputs: 128,
  kernel: 3,
  padding: 1,
  relu: true,
} as const satisfies WeightedLayer;

const momentsOf = (values: Float32Array) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { mean, std, largest: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) };
};

describe('initialisation', () => {
  for (const method of initialisations) {
    it(`${method} has mean 0 and its standard deviation, to four standard errors`, () => {
      const values = initialWeights(layer, method, 7);
      const { mean, std } = momentsOf(values);
      const expectedStd = initialStd(layer, method);
      assert.ok(Math.abs(mean) < (4 * expectedStd) / Math.sqrt(values.length), `mean ${mean}`);
      assert.ok(Math.abs(std / expectedStd - 1) < 4 / Math.sqrt(2 * values.length), `std ${std}`);
    });
  }

  it("has the published formulas' deviations", () => {
    assert.equal(initialStd(layer, 'paper'), 0.01);
    assert.equal(initialStd(layer, 'paper', 0.1), 0.1);
    assert.equal(initialStd(layer, 'he'), Math.sqrt(2 / 576));
    assert.equal(
      initialStd({ ...layer, name: 'fc8' }, 'he'),
      0.01,
      'no ReLU follows fc8: scores start small',
    );
    assert.equal(initialStd(layer, 'glorot'), Math.sqrt(2 / (576 + 1152)));
  });

  for (const config of configs) {
    it(`${config}: Glorot's and He's formulas in every layer of the whole net`, () => {
      for (const each of weightedLayersOf(architecture({ config }))) {
        const { kind, name, inputs, outputs, kernel } = each;
        // Connections into and out of a unit: a convolution sends each input to kernel² outputs of a map, a matrix row to one each.
        const fanIn = kind === 'conv' || name === 'fc6' ? inputs * kernel ** 2 : inputs;
        const fanOut = kind === 'conv' ? outputs * kernel ** 2 : outputs;
        assert.equal(initialStd(each, 'glorot'), Math.sqrt(2 / (fanIn + fanOut)), name);
        assert.equal(initialStd(each, 'he'), name === 'fc8' ? 0.01 : Math.sqrt(2 / fanIn), name);
      }
    });

    it(`${config}: the weights drawn have that deviation, to five standard errors, at a fourth of the width`, () => {
      const net = architecture({ config, width: 1 / 4, inputSize: 64, fullyConnected: 128, outputs: 50 });
      for (const each of weightedLayersOf(net)) {
        for (const method of initialisations) {
          const { mean, std } = momentsOf(initialWeights(each, method, 3));
          const n = each.inputs * each.outputs * each.kernel ** 2;
          const wanted = initialStd(each, method);
          assert.ok(Math.abs(mean) < (5 * wanted) / Math.sqrt(n), `${each.name} ${method} mean ${mean}`);
          assert.ok(Math.abs(std / wanted - 1) < 5 / Math.sqrt(2 * n), `${each.name} ${method} std ${std}`);
        }
      }
    }).timeout(60_000);
  }

  it("gives fc6 Glorot's deviation of a matrix 25,088 x 4,096, as numpy or PyTorch do", () => {
    const fc6 = weightedLayersOf(architecture({ config: 'D' })).find(({ name }) => name === 'fc6')!;
    assert.equal(initialStd(fc6, 'glorot').toFixed(6), '0.008278');
  });

  it("keeps Glorot's uniform distribution inside its bound and fills it", () => {
    const { largest } = momentsOf(initialWeights(layer, 'glorot', 1));
    const bound = Math.sqrt(6 / (576 + 1152));
    assert.ok(largest <= bound && largest > 0.999 * bound);
  });

  it('is the same for the same seed and layer, and another otherwise', () => {
    const first = initialWeights(layer, 'he', 1);
    assert.deepEqual(initialWeights(layer, 'he', 1), first);
    assert.notDeepEqual(initialWeights(layer, 'he', 2), first);
    assert.notDeepEqual(initialWeights({ ...layer, name: 'conv2_2' }, 'he', 1), first);
  });

  it('refuses a standard deviation that is not positive', () => {
    assert.throws(() => initialWeights(layer, 'paper', 1, 0), /initStd but received 0/);
  });
});
