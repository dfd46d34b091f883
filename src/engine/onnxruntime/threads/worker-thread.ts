// The thread of a ComputeWorker: waits for a task in shared memory, computes it, and says so.
import { workerData } from 'node:worker_threads';
import { VerydeepError } from '../../../errors.js';
import { arrayAt, storeAddress } from '../../ort.js';
import { type Form, serialBatchNorm } from '../loops/batch-norm.js';
import { serialLoops } from '../loops/loops.js';
import { Sessions } from '../sessions.js';
import { sumUnits } from '../winograd/filter-gradient.js';
import { convolveUnits } from '../winograd/forward.js';
import { planFrom } from '../winograd/units.js';
import { HEADER, STATE, type WorkerStart, memoryIn, taskKinds } from './worker.js';

const { buffer, nextUnit } = workerData as WorkerStart;
const { header, addresses, parameters, sums } = memoryIn(buffer);
const sessions = new Sessions(1);

const next = (): number => Atomics.add(nextUnit, 0, 1);

const compute = (): void => {
  const kind = taskKinds[header[HEADER.kind]!]!;
  const array = (i: number): Float32Array => arrayAt(addresses, i, header[HEADER.lengths + i]!);
  const three = (): [Float32Array, Float32Array, Float32Array] => [array(0), array(1), array(2)];
  const [p, q, r, s, t, u] = parameters as unknown as [number, number, number, number, number, number];
  const extent = { images: p, planes: q, rows: r, columns: s, channels: t };
  switch (kind) {
    case 'winogradConvolution':
      convolveUnits(planFrom(parameters), [...three(), array(3)], sessions, next);
      break;
    case 'winogradFilterGradient':
      sumUnits(planFrom(parameters), three(), sessions, next);
      break;
    case 'momentum':
      serialLoops.momentum(...three(), { learningRate: p, momentum: q, decay: r });
      break;
    case 'poolGradient':
      sums.set(serialLoops.poolGradient(...three(), extent, u === 1));
      break;
    case 'reluGradient':
      sums.set(serialLoops.reluGradient(...three(), extent));
      break;
    case 'batchNormMoments':
      sums.set(serialBatchNorm.moments([array(0)], array(1), extent, u as Form));
      break;
    case 'batchNorm':
      serialBatchNorm.normalise([array(0), array(1)], array(2), extent, u as Form);
      break;
    case 'batchNormGradientSums':
      sums.set(serialBatchNorm.gradientSums([array(0), array(1)], array(2), extent, u as Form));
      break;
    case 'batchNormGradient':
      serialBatchNorm.gradient(three(), array(3), extent, u as Form);
  }
};

const setState = (state: number): void => {
  Atomics.store(header, HEADER.state, state);
  Atomics.notify(header, HEADER.state);
};

/** Fails now where this thread cannot see another's memory or has no loops, rather than in the middle of a task. */
const check = (): void => {
  const ones = new Float32Array(16).fill(1);
  storeAddress(ones, addresses, 0);
  const [a, b] = [arrayAt(addresses, 0, 16), new Float32Array(16)];
  serialLoops.momentum(a, b, new Float32Array(16), { learningRate: 1, momentum: 0, decay: 1 });
  if (ones.some((value) => value !== 0)) throw new VerydeepError('Threads do not see the same memory.');
};

check();
setState(STATE.idle);
for (;;) {
  while (Atomics.load(header, HEADER.state) === STATE.idle) Atomics.wait(header, HEADER.state, STATE.idle);
  if (Atomics.load(header, HEADER.state) === STATE.closing) break;
  try {
    compute();
  } catch {
    setState(STATE.failed);
    break;
  }
  setState(STATE.idle);
}
sessions.close();
