// A worker thread of the extraction: a session for each net, its own or shared; takes views, gives descriptors.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.js';
import { describeViews } from './describe.js';
import type { WorkerAnswer, WorkerData, WorkerRequest } from './pool.js';
import { type Runner, makeRunner } from './runner.js';

const port = parentPort!;
const { specs, recipe, sharing } = workerData as WorkerData;
const runners: Runner[] = [];

const answer = (message: WorkerAnswer, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);

const work = async ({ job, views }: WorkerRequest): Promise<void> => {
  try {
    const started = performance.now();
    const descriptors = await describeViews(runners, recipe, views);
    const seconds = (performance.now() - started) / 1000;
    answer(
      { kind: 'done', job, descriptors, seconds },
      descriptors.map((descriptor) => descriptor.buffer as ArrayBuffer),
    );
  } catch (error) {
    answer({ kind: 'failed', job, reason: messageOf(error) });
  }
};

try {
  for (const spec of specs) runners.push(await makeRunner(spec));
  // One job at a time: the next begins when the one before has been answered.
  let last = Promise.resolve();
  port.on('message', (request: WorkerRequest | 'close') => {
    last = last.then(() => {
      if (request !== 'close') return work(request);
      for (const runner of runners) runner.close();
      port.close();
      return undefined;
    });
  });
  answer({ kind: 'ready', shared: runners.map((runner) => (sharing ? runner.share?.() : undefined)) });
} catch (error) {
  answer({ kind: 'broken', reason: messageOf(error) });
}
