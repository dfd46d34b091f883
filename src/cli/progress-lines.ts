// Progress for programs: with --json, one JSON event per line on standard error, at most one per second and
// task.
import type { OnProgress } from '../progress.js';
import type { OutputOptions } from './output.js';

const MILLISECONDS = 1000;

/** Like progressBar, as lines of JSON: `{"event":"progress","task":"extract","done":64,"total":500,…}`. */
export const progressLines = (options: OutputOptions): { onProgress: OnProgress; stop: () => void } => {
  const last = new Map<string, number>();
  const onProgress: OnProgress = (event) => {
    const now = Date.now();
    const ended = event.done === event.total;
    if (!ended && now - (last.get(event.task) ?? 0) < MILLISECONDS) return;
    last.set(event.task, now);
    process.stderr.write(`${JSON.stringify({ event: 'progress', ...event })}\n`);
  };
  return { onProgress: options.quiet ? () => undefined : onProgress, stop: () => undefined };
};
