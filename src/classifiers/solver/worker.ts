// A worker thread of the solver: takes tasks, sends solutions back.
import { parentPort, workerData } from 'node:worker_threads';
import { type Common, type Task, solveTask } from './task.js';
import { type Place, placeOf } from './place.js';

const port = parentPort!;
const { place, common } = workerData as { place: Place; common: Common };
const { workspace, kernels } = placeOf(place);

port.on('message', (task: Task) => {
  port.postMessage({ index: task.index, solutions: solveTask(workspace, kernels, common, task) });
});
