import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describedOf, openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { rowOf } from '../../../src/matrix.js';
import { withFolder } from '../../support.js';
import { makeStore } from '../stores.js';

const rows = Array.from({ length: 150 }, (_, i) => ({
  id: `c/${String(i).padStart(3, '0')}`,
  labels: ['c'],
  descriptor: [i, -i],
}));
const item = (id: string) => ({ id, path: id, source: { file: id }, labels: ['c'] });

describe('descriptors', () => {
  it('reads the rows asked for, in that order, from any part', () =>
    withFolder(async (folder) => {
      const descriptors = await openDescriptors([await makeStore(join(folder, 'a'), rows)]);
      const matrix = await descriptors.read(['c/149', 'c/000', 'c/064', 'c/149'].map(item));
      assert.deepEqual([...matrix.data], [149, -149, 0, -0, 64, -64, 149, -149]);
      assert.equal(descriptors.columns, 2);
    }));

  it('joins folders of one recipe as images, and stacks those of several nets, row by row', () =>
    withFolder(async (folder) => {
      const first = await makeStore(join(folder, 'a1'), rows.slice(0, 70));
      const second = await makeStore(join(folder, 'a2'), rows.slice(70));
      const other = await makeStore(
        join(folder, 'b'),
        [...rows].reverse().map((row) => ({ ...row, descriptor: [row.descriptor[0]! + 0.5] })),
        { name: 'b' },
      );
      const descriptors = await openDescriptors([first, other, second]);
      assert.equal(descriptors.columns, 3);
      assert.deepEqual(
        descriptors.nets.map(({ config }) => config),
        ['A', 'B'],
      );
      const matrix = await descriptors.read([item('c/100'), item('c/003')]);
      assert.deepEqual([...rowOf(matrix, 0)], [100, -100, 100.5]);
      assert.deepEqual([...rowOf(matrix, 1)], [3, -3, 3.5]);
    }));

  it('takes the only layer there is, and names the layers when another is asked for', () =>
    withFolder(async (folder) => {
      const store = await makeStore(join(folder, 'a'), rows.slice(0, 2), { layer: 'pixels' });
      assert.deepEqual((await openDescriptors([store])).layers, ['pixels']);
      await assert.rejects(openDescriptors([store], 'fc6'), /one of pixels for layer but received "fc6"/);
    }));

  it('tells skipped images from those that were never extracted', () =>
    withFolder(async (folder) => {
      const skip = { id: 'c/bad', path: 'c/bad', reason: 'the file is empty' };
      const store = await makeStore(join(folder, 'a'), rows.slice(0, 2), { skipped: [skip] });
      const descriptors = await openDescriptors([store]);
      const { described, skipped } = describedOf(['c/000', 'c/bad'].map(item), descriptors);
      assert.deepEqual(
        described.map(({ id }) => id),
        ['c/000'],
      );
      assert.deepEqual(skipped, [skip]);
      assert.throws(() => describedOf([item('c/000'), item('c/new')], descriptors), /1 have none \(c\/new\)/);
    }));
});
