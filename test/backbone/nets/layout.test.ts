import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ConvLayer } from '../../../src/backbone/nets/architecture.js';
import { tensorsOf, tfShape, toFileLayout, toTfLayout } from '../../../src/backbone/nets/layout.js';
import { tinyNet } from '../tf.js';

const conv = (inputs: number, outputs: number, kernel: number): ConvLayer => ({
  kind: 'conv',
  name: 'conv1_1',
  inputs,
  outputs,
  kernel,
  padding: (kernel - 1) / 2,
  relu: true,
});

describe('layout', () => {
  it('moves [out, in, height, width] to [height, width, in, out]', () => {
    const layer = conv(2, 5, 3);
    const file = Float32Array.from({ length: 2 * 5 * 9 }, (_, i) => i);
    const moved = toTfLayout(layer, file);
    for (let o = 0; o < 5; o++)
      for (let i = 0; i < 2; i++)
        for (let h = 0; h < 3; h++)
          for (let w = 0; w < 3; w++)
            assert.equal(moved[((h * 3 + w) * 2 + i) * 5 + o], file[((o * 2 + i) * 3 + h) * 3 + w]);
  });

  it('comes back unchanged', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 70 }),
        fc.constantFrom(1, 3, 5),
        (i, o, kernel) => {
          const layer = conv(i, o, kernel);
          const file = Float32Array.from({ length: i * o * layer.kernel ** 2 }, (_, k) => k);
          assert.deepEqual(toFileLayout(layer, toTfLayout(layer, file)), file);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('makes fc6 a matrix whose rows run over height, width, channels', () => {
    const { layer } = tensorsOf(tinyNet()).find(({ name }) => name === 'fc6.weight')!;
    assert.deepEqual(tfShape(layer), [2 * 2 * 8, 16]);
    const file = Float32Array.from({ length: 16 * 32 }, (_, i) => i); // [out, channel, y, x]
    const moved = toTfLayout(layer, file);
    const [out, channel, y, x] = [3, 5, 1, 0];
    assert.equal(moved[((y * 2 + x) * 8 + channel) * 16 + out], file[out * 32 + (channel * 2 + y) * 2 + x]);
  });
});
