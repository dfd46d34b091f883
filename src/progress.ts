// How library code tells what it is doing: events, which only the command line prints.

/** A step of a long task. `total` is missing while it is not known. */
export interface ProgressEvent {
  /** What is being done: "train", "extract", "svm", "download", … */
  readonly task: string;
  /** Units done so far, and of how many. */
  readonly done: number;
  readonly total?: number;
  /** "images", "steps", "bytes", … */
  readonly unit: string;
  /** Further figures to show beside the bar: `{ loss: 1.23, 'images/s': 310 }`. */
  readonly figures?: Readonly<Record<string, number | string>>;
  /** Until the task is done, at its speed so far. */
  readonly secondsLeft?: number;
}

/** Takes progress events; must be quick and must not throw. */
export type OnProgress = (event: ProgressEvent) => void;

/** An image that was left out, and why. */
export interface Skipped {
  readonly id: string;
  readonly path: string;
  readonly reason: string;
}
