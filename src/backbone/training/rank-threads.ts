// Ranks as threads of this process: rank 0 here, the others in worker threads, each with an engine of its own.
import { Worker } from 'node:worker_threads';
import { type SharedArea, failIn, sharedArea } from '../../engine/communicator/shared-memory.js';
import { ThreadedCommunicator } from '../../engine/communicator/threaded.js';
import { messageOf } from '../../errors.js';
import { howToSum } from './how-to-sum.js';
import type { TrainingOptions } from './options.js';
import type { TrainOutcome, TrainRun, TrainingData } from './training-run.js';

type Options = Partial<TrainingOptions> & TrainRun;

/** Trains as one rank of those that the options' communicator connects. */
export type TrainRank = (data: TrainingData, options: Options) => Promise<TrainOutcome>;

/** What a worker thread is started with. */
export interface RankStart {
  readonly data: TrainingData;
  /** Without listeners: rank 0 has them. */
  readonly options: Options;
  readonly rank: number;
  readonly area: SharedArea;
}

const fail = (area: SharedArea, rank: number, error: unknown): void =>
  failIn(area, `rank ${rank}: ${messageOf(error)}`);

/** Trains as a rank of this process. */
export const trainAsThread = async (
  { data, options, rank, area }: RankStart,
  trainRank: TrainRank,
): Promise<TrainOutcome> => {
  const communicator = await ThreadedCommunicator.open(
    { kind: 'threads', rank, area },
    howToSum(options, rank),
  );
  try {
    const outcome = await trainRank(data, { ...options, communicator });
    await communicator.close();
    return outcome;
  } catch (error) {
    fail(area, rank, error);
    throw error;
  }
};

/** Trains on as many threads as there are ranks. */
export const trainInThreads = async (
  data: TrainingData,
  given: Options,
  trainRank: TrainRank,
): Promise<TrainOutcome> => {
  const { ranks = 1, onProgress, note, signal, ...options } = given;
  const area = sharedArea(ranks);
  const workers = Array.from({ length: ranks - 1 }, (_, i) => {
    const rank = i + 1;
    const worker = new Worker(new URL('./rank-worker.js', import.meta.url), {
      workerData: { data, options, rank, area } satisfies RankStart,
      execArgv: [],
    });
    worker.on('error', (error) => fail(area, rank, error));
    worker.on('exit', () => failIn(area, `rank ${rank} ended early.`)); // Of no matter when all is done.
    return worker;
  });
  try {
    const listeners = { ...(onProgress && { onProgress }), ...(note && { note }), ...(signal && { signal }) };
    return await trainAsThread({ data, options: { ...options, ...listeners }, rank: 0, area }, trainRank);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
};
