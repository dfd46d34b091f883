// A worker thread of the extraction: computes descriptors from views, with one session (own or shared) per
// net.
import { Moved } from '../../threads/messages.js';
import { serve } from '../../threads/serve.js';
import type { Recipe } from '../recipe/recipe.js';
import type { View } from '../recipe/views.js';
import { describeViews } from './describe.js';
import { type Runner, type RunnerSpec, makeRunner } from './runner.js';

/** Start data of a thread. */
export interface WorkerData {
  readonly specs: readonly RunnerSpec[];
  readonly recipe: Recipe;
  /** Whether other threads may share this one's weights. */
  readonly sharing?: boolean;
}

/** Descriptors of an image, one vector per layer, and the computing time. */
export interface Described {
  readonly descriptors: readonly Float32Array[];
  readonly seconds: number;
}

const open = async ({ specs, recipe, sharing }: WorkerData) => {
  const runners: Runner[] = [];
  for (const spec of specs) runners.push(await makeRunner(spec));
  const describe = async (views: readonly View[]): Promise<Moved<Described>> => {
    const started = performance.now();
    const descriptors = await describeViews(runners, recipe, views);
    const seconds = (performance.now() - started) / 1000;
    return new Moved(
      { descriptors, seconds },
      descriptors.map(({ buffer }) => buffer as ArrayBuffer),
    );
  };
  return {
    handlers: { describe },
    ready: runners.map((runner) => (sharing ? runner.share?.() : undefined)),
    inTurn: true,
    close: () => {
      for (const runner of runners) runner.close();
    },
  };
};

export type DescribeHandlers = Awaited<ReturnType<typeof open>>['handlers'];

serve(open);
