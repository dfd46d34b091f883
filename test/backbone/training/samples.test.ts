// The order of an epoch: every image once, another order and other crops in every epoch and for every seed.
import assert from 'node:assert/strict';
import { chunks, epochOf, validationOf } from '../../../src/backbone/training/samples.js';
import type { TrainingSettings } from '../../../src/backbone/training/settings.js';
import { tinyNet } from '../tf.js';

const examples = Array.from({ length: 50 }, (_, i) => ({
  id: `image ${i}`,
  path: `image ${i}`,
  label: i % 4,
  source: { file: '' },
}));
const settings = (seed: number) =>
  ({ net: tinyNet(), trainSide: [9, 20], flip: true, colourShift: 0, seed }) as unknown as TrainingSettings;
const order = (seed: number, epoch: number) =>
  epochOf(examples, settings(seed), epoch).map(({ example }) => example.id);

describe('samples', () => {
  it('shows each image once an epoch, in an order of its own for each epoch and seed', () => {
    const orders = [order(1, 0), order(1, 1), order(2, 0)];
    for (const ids of orders) assert.deepEqual([...ids].sort(), examples.map(({ id }) => id).sort());
    assert.equal(new Set(orders.map((ids) => ids.join())).size, 3);
    assert.deepEqual(order(1, 1), orders[1]);
  });

  it('draws the crops of an image anew in each epoch, whatever its place in the order', () => {
    const drawOf = (list: typeof examples, epoch: number) =>
      epochOf(list, settings(1), epoch).find(({ example }) => example.id === 'image 7')!.draw;
    assert.deepEqual(drawOf(examples.slice(5, 9), 0), drawOf(examples, 0));
    assert.notDeepEqual(drawOf(examples, 1), drawOf(examples, 0));
  });

  it('validates on one centred crop at the middle of S', () => {
    const draws = validationOf(examples, settings(1)).map(({ draw }) => draw);
    assert.ok(draws.every(({ side, x, y, flip }) => side === 15 && x === 0.5 && y === 0.5 && !flip));
  });

  it('cuts into pieces of a size, the last smaller', () => {
    assert.deepEqual(chunks([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  });
});
