// A worker thread that is a rank.
import { workerData } from 'node:worker_threads';
import { type RankStart, trainAsThread } from './rank-threads.js';
import { trainBackbone } from './train-backbone.js';

// Its error is told to the other ranks, and rank 0 throws it.
await trainAsThread(workerData as RankStart, trainBackbone).catch(() => undefined);
