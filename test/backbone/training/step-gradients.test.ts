import assert from 'node:assert/strict';
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Communicator } from '../../../src/engine/communicator/communicator.js';
import { leavesOf, nodesOf, sumOfNodes } from '../../../src/engine/communicator/tree.js';
import { single } from '../../../src/engine/communicator/single.js';
import { StepGradients, heldGradients } from '../../../src/backbone/training/step-gradients.js';
import type { Tf } from '../../../src/backbone/nets/forward.js';
import { cpu, randomArray } from '../tf.js';

/** Communicators of ranks that take turns in this thread. */
const ranksHere = (size: number): Communicator[] => {
  let waiting: { readonly parts: readonly Float32Array[]; readonly done: () => void }[] = [];
  return Array.from({ length: size }, (_, rank) => ({
    ...single,
    ...{ rank, size },
    sum: (parts, leaves) =>
      new Promise<void>((done) => {
        waiting[rank] = { parts, done };
        if (waiting.filter(Boolean).length < size) return;
        const nodes = waiting.flatMap((each, r) =>
          nodesOf(leaves, leavesOf(leaves, r, size)).map((node, j) => ({ node, part: each.parts[j]! })),
        );
        const sum = sumOfNodes<Float32Array>(
          leaves,
          ({ from, to }) => nodes.find(({ node }) => node.from === from && node.to === to)?.part,
          (a, b) => a.map((x, i) => x + b[i]!),
        ).slice();
        const all = waiting;
        waiting = [];
        for (const each of all) {
          each.parts[0]!.set(sum);
          each.done();
        }
      }),
  }));
};

const shapes = { 'a.weight': [3, 5], 'a.bias': [5], 'b.weight': [5, 2] } as const;
const names = Object.keys(shapes) as (keyof typeof shapes)[];

describe('the gradients of a step', () => {
  let tf: Tf;
  before(async () => {
    tf = await cpu();
  });

  const gradientsOf = (leaf: number): Map<string, tfjs.Tensor> =>
    new Map(
      names.map((name) => {
        const values = randomArray(15, leaf * 7 + name.length);
        if (leaf === 1) values.fill(-0);
        const [rows, columns = 1] = shapes[name] as readonly number[];
        return [name, tf.tensor(values.slice(0, rows! * columns), [...shapes[name]])];
      }),
    );

  /** The sums that each of `size` ranks gets over `leaves`, of which some have no images. */
  const summed = async (size: number, leaves: number, empty: readonly number[]): Promise<string[]> => {
    const weights = new Map<string, tfjs.Tensor>(names.map((name) => [name, tf.zeros([...shapes[name]])]));
    const all = ranksHere(size).map((communicator) => {
      const step = new StepGradients(tf, communicator, leaves, weights, names);
      for (let leaf = step.own.from; leaf < step.own.to; leaf++) {
        const gradients = empty.includes(leaf) ? undefined : gradientsOf(leaf);
        const listener = step.listener(leaf);
        if (listener && gradients)
          tf.tidy(() => names.toReversed().forEach((name) => listener(name, gradients.get(name)!)));
        step.take(leaf, gradients);
      }
      return step.finish();
    });
    const sums = await Promise.all(all);
    const texts = sums.map((sum) =>
      names
        .map((name) => Buffer.from(sum!.get(name)!.dataSync<'float32'>().slice().buffer).toString('hex'))
        .join(),
    );
    tf.dispose([...weights.values(), ...sums.flatMap((sum) => [...sum!.values()])]);
    return texts;
  };

  it('are the same bits for every number of ranks, and leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    for (const [leaves, empty] of [
      [12, []],
      [12, [0, 4, 5, 11]],
      [12, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
      [4, [3]],
    ] as const) {
      const [alone] = await summed(1, leaves, empty);
      for (const size of [2, 3, 4].filter((n) => leaves % n === 0))
        assert.deepEqual(
          await summed(size, leaves, empty),
          Array<string>(size).fill(alone!),
          `${size} of ${leaves}`,
        );
    }
    assert.equal(tf.memory().numTensors, before);
  });

  it('hold as many sums as the tree is deep, and those of the nodes to send', () => {
    assert.deepEqual(
      [
        [1, 1],
        [2, 1],
        [3, 1],
        [8, 1],
        [2, 2],
        [8, 2],
        [12, 3],
      ].map(([leaves, size]) => heldGradients(leaves!, size!)),
      // Of three ranks the first has a node of 3 leaves, two sums deep; the second has 3 nodes.
      [0, 1, 2, 3, 1, 3, 5],
    );
  });
});
