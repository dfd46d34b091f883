// Progress on a terminal: one line, drawn again and again. Elsewhere, and on terminals that cannot move the
// cursor, an occasional line.
import type { OnProgress, ProgressEvent } from './progress.js';
import { progressText } from './progress-text.js';

/** A progress display. */
export interface ProgressBar {
  readonly onProgress: OnProgress;
  /** Removes the line from the screen until the next event, so that something else can be printed. */
  readonly wipe: () => void;
  /** Ends the task: its last line stays. Call it before printing anything else. */
  readonly stop: () => void;
}

type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write' | 'on' | 'off'>;

/** A task: its first event's time and count, its latest event and its time. */
interface Task {
  readonly event: ProgressEvent;
  readonly at: number;
  readonly from: { readonly at: number; readonly done: number };
}

const [TERMINAL_INTERVAL, PLAIN_INTERVAL] = [100, 5000];
const USUAL_COLUMNS = 80;
/** Estimates of the time left from less time than this say nothing. */
const FIRST_ESTIMATE = 1000;

const [ERASE_BELOW, NO_WRAP, WRAP] = ['\u001b[J', '\u001b[?7l', '\u001b[?7h'];

/** The estimate of the latest event, less the time since then. */
const secondsLeft = ({ event: { done, total, secondsLeft: told }, at, from }: Task, now: number) => {
  const passed = at - from.at;
  if (total === undefined || done >= total || passed < FIRST_ESTIMATE || done <= from.done) return {};
  const estimate = told ?? ((passed / (done - from.done)) * (total - done)) / 1000;
  return { secondsLeft: estimate - (now - at) / 1000 };
};

/** Shows progress on a stream. */
export const progressBar = (stream: Terminal): ProgressBar => {
  const isTerminal = stream.isTTY && process.env['TERM'] !== 'dumb';
  const interval = isTerminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
  let task: Task | undefined;
  let [drawn, isOnScreen] = [-Infinity, false];
  let timer: NodeJS.Timeout | undefined;

  const draw = (last = false): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!task) return;
    const now = performance.now();
    const seconds = ((task.event.done === task.event.total ? task.at : now) - task.from.at) / 1000;
    const width = isTerminal ? (stream.columns || USUAL_COLUMNS) - 1 : Infinity;
    const text = progressText({ event: task.event, seconds, ...secondsLeft(task, now), last }, width);
    // The cursor stays at the start of the line. A terminal that wraps the line when it becomes narrower keeps
    // the cursor there, so erasing from the end of the text removes the wrapped rest too.
    stream.write(isTerminal ? `\r${NO_WRAP}${text}${ERASE_BELOW}\r${WRAP}${last ? '\n' : ''}` : `${text}\n`);
    [drawn, isOnScreen] = [now, isTerminal && !last];
  };
  const redraw = (): void => draw();
  const stop = (): void => {
    draw(true);
    task = undefined;
    drawn = -Infinity;
    stream.off('resize', redraw);
  };
  return {
    onProgress: (event) => {
      if (event.task !== task?.event.task) {
        stop();
        if (isTerminal) stream.on('resize', redraw);
      }
      const now = performance.now();
      const goesOn = event.task === task?.event.task && event.done >= task.event.done;
      task = { event, at: now, from: goesOn ? task!.from : { at: now, done: event.done } };
      if (!isTerminal && event.done === event.total) return; // `stop` prints it.
      if (now - drawn >= interval) draw();
      else if (isTerminal) timer ??= setTimeout(draw, drawn + interval - now).unref();
    },
    wipe: () => {
      if (isOnScreen) stream.write(`\r${ERASE_BELOW}`);
      isOnScreen = false;
    },
    stop,
  };
};
