// The thread of a helper: waits at the desk, does the loop that stands there, and says so.
import { workerData } from 'node:worker_threads';
import { VerydeepError } from '../../../errors.js';
import { borrow, lend } from '../../ort.js';
import { Sessions } from '../sessions.js';
import { type Place, STATE, WORD, deskIn, kinds } from './worker.js';
import { ownLoops } from '../loops/loops.js';
import { convolveUnits } from '../winograd/forward.js';
import { sumParts } from '../winograd/filter-gradient.js';
import { type WinogradTask, taskFields } from '../winograd/units.js';

const { desk, turns } = workerData as Place;
const { words, addresses, numbers, sums } = deskIn(desk);
const sessions = new Sessions(1);

const work = (): void => {
  const kind = kinds[words[WORD.kind]!]!;
  const borrowed = (i: number): Float32Array => borrow(addresses, i, words[WORD.lengths + i]!);
  const [a, b, c] = [borrowed(0), borrowed(1), borrowed(2)];
  if (kind === 'convolution' || kind === 'filterGradient') {
    const task = Object.fromEntries(taskFields.map((field, i) => [field, numbers[i]])) as WinogradTask;
    const next = (): number => Atomics.add(turns, 0, 1);
    if (kind === 'convolution') convolveUnits(task, [a, b, c, borrowed(3)], sessions, next);
    else sumParts(task, [a, b, c], sessions, next);
    return;
  }
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
  if (Atomics.load(words, WORD.state) === STATE.leaving) break;
  try {
    work();
  } catch {
    say(STATE.failed);
    break;
  }
  say(STATE.free);
}
sessions.close();
