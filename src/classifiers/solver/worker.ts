// A worker thread of the solver: receives tasks, returns solutions.
import { serve } from '../../threads/serve.js';
import { type ThreadMemory, workspaceOf } from './thread-memory.js';
import { type Common, type Task, solveTask } from './task.js';

export interface SolverData {
  readonly place: ThreadMemory;
  readonly common: Common;
}

const open = ({ place, common }: SolverData) => {
  const { workspace, kernels } = workspaceOf(place);
  return { handlers: { solve: (task: Task) => solveTask(workspace, kernels, common, task) } };
};

export type SolverHandlers = ReturnType<typeof open>['handlers'];

serve(open);
