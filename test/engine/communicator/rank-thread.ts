// A worker thread that is a rank, for tests.
import { parentPort, workerData } from 'node:worker_threads';
import type { SharedArea } from '../../../src/engine/communicator/shared-memory.js';
import type { HowToSum } from '../../../src/engine/communicator/thread.js';
import { ThreadedCommunicator } from '../../../src/engine/communicator/threaded.js';
import { exercise } from './exercise.js';

const { rank, area, how } = workerData as { rank: number; area: SharedArea; how: HowToSum };
parentPort!.postMessage(
  await exercise(await ThreadedCommunicator.open({ kind: 'threads', rank, area }, how)),
);
