// Progress events of the library; only the command line prints them.

/** A step of a long task. `total` is missing while it is not known. */
export interface ProgressEvent {
  /** The task: "train", "extract", "svm", "download", … */
  readonly task: string;
  /** Units done so far. */
  readonly done: number;
  readonly total?: number;
  /** "images", "steps", "bytes", … */
  readonly unit: string;
  /** Other figures to show beside the bar: `{ loss: 1.23, 'images/s': 310 }`. */
  readonly figures?: Readonly<Record<string, number | string>>;
  /** Estimated remaining time in seconds, at the speed so far. */
  readonly secondsLeft?: number;
}

/** Receives progress events; must be quick and must not throw. */
export type OnProgress = (event: ProgressEvent) => void;

/** A skipped image and the reason. */
export interface Skipped {
  readonly id: string;
  readonly path: string;
  readonly reason: string;
}
