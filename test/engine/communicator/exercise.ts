// What a rank does in the tests of communicators: every operation once, with numbers that depend on its rank.
import { createHash } from 'node:crypto';
import type { Communicator } from '../../../src/engine/communicator/communicator.js';
import { leavesOf, nodesOf } from '../../../src/engine/communicator/tree.js';
import { Random } from '../../../src/random.js';

export const LEAVES = 12;
const LENGTH = 12_000;

/** The gradients of a leaf: numbers whose sum depends on the order. */
export const leafValues = (leaf: number): Float32Array => {
  const random = new Random('leaf', leaf);
  return Float32Array.from({ length: LENGTH }, () => random.normal() * 10 ** random.below(5));
};

const halvesSum = (from: number, to: number): Float32Array => {
  if (to - from === 1) return leafValues(from);
  const middle = from + Math.ceil((to - from) / 2);
  const [a, b] = [halvesSum(from, middle), halvesSum(middle, to)];
  return a.map((x, i) => x + b[i]!);
};

const inSharedMemory = (data: Float32Array): Float32Array => {
  const shared = new Float32Array(new SharedArrayBuffer(data.byteLength));
  shared.set(data);
  return shared;
};

export const hash = (data: Float32Array): string =>
  createHash('sha256').update(Buffer.from(data.slice().buffer)).digest('hex').slice(0, 16);

/** The sum of all leaves by recursion, for comparison. */
export const expectedSum = (): Float32Array => halvesSum(0, LEAVES);

export interface Exercised {
  readonly rank: number;
  readonly size: number;
  readonly local: Communicator['local'];
  readonly sum: string;
  readonly firstSum: number[];
  readonly broadcast: string;
  readonly gathered: unknown[];
  readonly floats: number[];
}

export const exercise = async (communicator: Communicator): Promise<Exercised> => {
  const { rank, size, local } = communicator;
  const parts = nodesOf(LEAVES, leavesOf(LEAVES, rank, size)).map(({ from, to }) =>
    inSharedMemory(halvesSum(from, to)),
  );
  await communicator.barrier();
  await communicator.sum(parts, LEAVES);
  // More than goes at once.
  const weights = new Float32Array(2 ** 22 + 5).fill(rank + 0.25, 1000);
  await communicator.broadcast(weights);
  const gathered = await communicator.gather({ rank, text: 'x'.repeat(rank * 1000) });
  const floats = await communicator.gather(Float32Array.of(0.1, rank));
  await communicator.close();
  const [first] = parts as [Float32Array];
  return {
    ...{ rank, size, local, sum: hash(first), firstSum: [...first.subarray(0, 3)] },
    broadcast: hash(weights),
    gathered: gathered.map((each) => [each.rank, each.text.length]),
    floats: floats.flatMap((each) => [...each]),
  };
};
