// The thread of a helper: waits at the desk, does the loop that stands there, and says so.
import { workerData } from 'node:worker_threads';
import { VerydeepError } from '../../../errors.js';
import { borrow, lend } from '../../ort.js';
import { STATE, WORD, deskIn, kinds } from './helper.js';
import { ownLoops } from './loops.js';

const { words, addresses, numbers, sums } = deskIn(workerData as SharedArrayBuffer);

const work = (): void => {
  const [a, b, c] = [0, 1, 2].map((i) => borrow(addresses, i, words[WORD.lengths + i]!)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const kind = kinds[words[WORD.kind]!]!;
  if (kind === 'momentum') {
    const [learningRate, momentum, decay] = numbers as unknown as [number, number, number];
    ownLoops.momentum(a, b, c, { learningRate, momentum, decay });
    return;
  }
  const [images, planes, rows, columns, channels, positive] = numbers as unknown as [
    ...[number, number, number, number, number, number],
  ];
  const extent = { images, planes, rows, columns, channels };
  sums.set(
    kind === 'poolGradient'
      ? ownLoops.poolGradient(a, b, c, extent, positive === 1)
      : ownLoops.reluGradient(a, b, c, extent),
  );
};

const say = (state: number): void => {
  Atomics.store(words, WORD.state, state);
  Atomics.notify(words, WORD.state);
};

/** Fails now where this thread cannot see another's memory or has no loops, rather than in the middle of a job. */
const tryOut = (): void => {
  const ones = new Float32Array(16).fill(1);
  lend(ones, addresses, 0);
  const [a, b] = [borrow(addresses, 0, 16), new Float32Array(16)];
  ownLoops.momentum(a, b, new Float32Array(16), { learningRate: 1, momentum: 0, decay: 1 });
  if (ones.some((value) => value !== 0)) throw new VerydeepError('Lent memory is not seen.');
};

tryOut();
say(STATE.free);
for (;;) {
  while (Atomics.load(words, WORD.state) === STATE.free) Atomics.wait(words, WORD.state, STATE.free);
  try {
    work();
  } catch {
    say(STATE.failed);
    break;
  }
  say(STATE.free);
}
