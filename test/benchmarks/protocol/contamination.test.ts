import assert from 'node:assert/strict';
import { duplicatesOf, refuseSharedIds } from '../../../benchmarks/protocol/contamination.js';

const item = (id: string, label = 'a') => ({ id, path: id, source: { file: id }, labels: [label] });

describe('contamination', () => {
  it('refuses an image that trains and tests, and names it', () => {
    assert.throws(
      () => refuseSharedIds([item('x'), item('y')], [item('z'), item('y')], 'test'),
      /1 of test are in both \(y\)/,
    );
    refuseSharedIds([item('x')], [item('z')], 'test');
  });

  it('takes persons of one image as one image', () => {
    assert.throws(() => refuseSharedIds([item('2010_1#1')], [item('2010_1#2')], 'val'), /2010_1/);
  });

  it('counts files with the same bytes, and whether their labels agree', () => {
    const hashes: Record<string, string> = { x: '1', y: '2', z: '1', w: '2' };
    assert.deepEqual(
      duplicatesOf([item('x'), item('y')], [item('z'), item('w', 'b'), item('v')], {
        sha256: (id) => hashes[id],
      }),
      [
        { train: 'x', test: 'z', sameLabels: true },
        { train: 'y', test: 'w', sameLabels: false },
      ],
    );
  });
});
