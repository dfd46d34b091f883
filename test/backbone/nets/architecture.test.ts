import assert from 'node:assert/strict';
import {
  type Architecture,
  type Config,
  architecture,
  configs,
  lastMapSide,
  layersOf,
  parameterCount,
  weightShapes,
  weightedLayersOf,
} from '../../../src/backbone/nets/architecture.js';
import { UsageError } from '../../../src/errors.js';

/** Table 1 and 2 of the paper: weight layers, parameters counted from table 1; and the net of section 4.1. */
const paper: Readonly<Record<Config, { layers: number; parameters: number; millions: number }>> = {
  A: { layers: 11, parameters: 132_863_336, millions: 133 },
  'A-LRN': { layers: 11, parameters: 132_863_336, millions: 133 },
  B: { layers: 13, parameters: 133_047_848, millions: 133 },
  C: { layers: 16, parameters: 133_638_952, millions: 134 },
  D: { layers: 16, parameters: 138_357_544, millions: 138 },
  E: { layers: 19, parameters: 143_667_240, millions: 144 },
  // Section 4.1, counted by hand: 10,860,672 in five convolutions, 123,642,856 in the fully-connected layers.
  'B-5x5': { layers: 8, parameters: 134_503_528, millions: 135 },
};

describe('architecture', () => {
  for (const config of configs) {
    it(`${config} has the paper's weight layers and exact parameter count`, () => {
      const net = architecture({ config });
      assert.equal(weightedLayersOf(net).length, paper[config].layers);
      assert.equal(parameterCount(net), paper[config].parameters);
      assert.equal(Math.round(parameterCount(net) / 1e6), paper[config].millions);
      assert.equal(layersOf(net).filter(({ kind }) => kind === 'pool').length, 5);
      assert.equal(lastMapSide(net), 7);
    });
  }

  it('has 1x1 convolutions only in C, as the last of blocks 3 to 5', () => {
    for (const config of configs) {
      const ones = weightedLayersOf(architecture({ config }))
        .filter(({ kind, kernel }) => kind === 'conv' && kernel === 1)
        .map(({ name }) => name);
      assert.deepEqual(ones, config === 'C' ? ['conv3_3', 'conv4_3', 'conv5_3'] : [], config);
    }
  });

  it('has 5x5 convolutions, one for each pair of B, in B-5x5 alone', () => {
    for (const config of configs) {
      const fives = weightedLayersOf(architecture({ config })).flatMap((layer) =>
        layer.kind === 'conv' && layer.kernel === 5 ? [[layer.name, layer.padding]] : [],
      );
      const wanted = [1, 2, 3, 4, 5].map((block) => [`conv${block}_1`, 2]);
      assert.deepEqual(fives, config === 'B-5x5' ? wanted : [], config);
    }
  });

  it('normalises responses only in A-LRN, after conv1_1', () => {
    for (const config of configs) {
      const at = layersOf(architecture({ config })).findIndex(({ kind }) => kind === 'lrn');
      assert.equal(at, config === 'A-LRN' ? 1 : -1, config);
    }
  });

  it('shapes D as the published files are', () => {
    const shapes = weightShapes(architecture({ config: 'D' }));
    assert.equal(shapes.size, 32);
    assert.deepEqual(shapes.get('conv1_1.weight'), [64, 3, 3, 3]);
    assert.deepEqual(shapes.get('conv5_3.weight'), [512, 512, 3, 3]);
    assert.deepEqual(shapes.get('fc6.weight'), [4096, 25088]);
    assert.deepEqual(shapes.get('fc8.bias'), [1000]);
  });

  it('shapes a small net by width, blocks, input size and fully-connected units', () => {
    const net = architecture({
      config: 'A',
      width: 0.25,
      blocks: 4,
      inputSize: 32,
      fullyConnected: 512,
      outputs: 1188,
    });
    const shapes = weightShapes(net);
    assert.deepEqual(shapes.get('conv1_1.weight'), [16, 3, 3, 3]);
    assert.deepEqual(shapes.get('conv4_2.weight'), [128, 128, 3, 3]);
    assert.equal(shapes.has('conv5_1.weight'), false);
    assert.deepEqual(shapes.get('fc6.weight'), [512, 128 * 2 * 2]);
    assert.deepEqual(shapes.get('fc8.weight'), [1188, 512]);
  });

  it('never has fewer than one channel', () => {
    assert.deepEqual(
      weightShapes(architecture({ config: 'A', width: 0.001 })).get('conv1_1.weight'),
      [1, 3, 3, 3],
    );
  });

  const wrong: readonly [Partial<Architecture>, RegExp][] = [
    [{ config: 'F' as Config }, /one of A, A-LRN, B, C, D, E, B-5x5 for config but received "F"/],
    [{ width: 0 }, /a number above 0 for width but received 0/],
    [{ width: Number.NaN }, /for width/],
    [{ blocks: 6 }, /a whole number from 1 to 5 for blocks but received 6/],
    [{ blocks: 0 }, /for blocks/],
    [{ inputSize: 100 }, /a multiple of 32 .* for inputSize but received 100\. Give 96 or 128/],
    [{ inputSize: 16 }, /Give 32 or 64/],
    [{ fullyConnected: 1.5 }, /for fullyConnected but received 1.5/],
    [{ outputs: -1 }, /for outputs but received -1/],
    [{ fullyConnected: 0 }, /for fullyConnected but received 0/],
  ];
  for (const [options, message] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => architecture({ config: 'A', ...options }),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});
