import assert from 'node:assert/strict';
import { additionsAfter, leavesOf, nodesOf, sumOfNodes } from '../../../src/engine/communicator/tree.js';

const root = (leaves: number) => ({ from: 0, to: leaves });
const written = (leaves: number, nodes = [] as readonly { from: number; to: number }[]): string =>
  sumOfNodes(
    leaves,
    (node) => {
      const isGiven = nodes.some(({ from, to }) => from === node.from && to === node.to);
      if (isGiven) return `[${node.from}-${node.to}]`;
      return node.to - node.from === 1 ? String(node.from) : undefined;
    },
    (a, b) => `(${a}+${b})`,
  );

describe('the tree of a sum', () => {
  it('has halves as children, the first the larger', () => {
    assert.equal(written(1), '0');
    assert.equal(written(3), '((0+1)+2)');
    assert.equal(written(4), '((0+1)+(2+3))');
    assert.equal(written(5), '(((0+1)+2)+(3+4))');
  });

  it('gives each rank as many leaves, and the fewest nodes that they are', () => {
    assert.deepEqual(leavesOf(8, 1, 2), { from: 4, to: 8 });
    assert.deepEqual(nodesOf(8, leavesOf(8, 1, 2)), [{ from: 4, to: 8 }]);
    // 12 leaves are 6 and 6, of which the first are 3 and 3: of the first third the fourth leaf is a node of its own.
    assert.deepEqual(nodesOf(12, leavesOf(12, 0, 3)), [
      { from: 0, to: 3 },
      { from: 3, to: 4 },
    ]);
    assert.equal(written(12, nodesOf(12, leavesOf(12, 0, 3))).slice(0, 15), '(([0-3]+(([3-4]');
  });

  it('adds after each leaf what is then complete: on a stack it is the same sum', () => {
    for (const leaves of [1, 2, 3, 4, 5, 6, 7, 8, 12, 13]) {
      const stack: string[] = [];
      for (let leaf = 0; leaf < leaves; leaf++) {
        stack.push(String(leaf));
        for (let i = additionsAfter(root(leaves), leaf); i > 0; i--) {
          const [a, b] = stack.splice(-2);
          stack.push(`(${a!}+${b!})`);
        }
      }
      assert.deepEqual(stack, [written(leaves)]);
    }
  });
});
