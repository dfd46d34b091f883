// Learning-rate schedules: the paper's "divide by 10 when validation accuracy stops improving", and curves that only the
// epoch decides; each after a linear warm-up if wanted.
export const schedules = ['plateau', 'cosine', 'linear', 'steps', 'constant'] as const;
export type ScheduleName = (typeof schedules)[number];

export interface Schedule {
  readonly schedule: ScheduleName;
  /** The initial learning rate. */
  readonly learningRate: number;
  /** Maximum number of epochs; `cosine` and `linear` reach 0 at the end. */
  readonly epochs: number;
  /** Epochs, whole or not, over which the rate rises linearly to `learningRate`; the schedule's curve begins after them. */
  readonly warmUp: number;
  /** plateau: epochs without a new best accuracy after which the rate falls. */
  readonly patience: number;
  /** plateau: how many times the rate is divided by 10; at the next plateau training ends. steps: the same, at equal distances. */
  readonly decreases: number;
}

/** The schedule's state between epochs; plain data, saved in checkpoints. */
export interface ScheduleState {
  readonly best: number;
  readonly epochsSinceBest: number;
  readonly decreases: number;
  readonly finished: boolean;
}

export const initialScheduleState: ScheduleState = {
  best: -1,
  epochsSinceBest: 0,
  decreases: 0,
  finished: false,
};

/**
 * The factor on the learning rate during warm-up: of n steps the first has 1 / n, the last 1.
 *
 * @param position epochs before the step
 * @param length of the step, in epochs
 */
const warmUpFactor = ({ warmUp }: Schedule, position: number, length: number): number =>
  position < warmUp ? Math.min(1, (position + length) / warmUp) : 1;

/**
 * The learning rate of a step.
 *
 * @param position epochs done so far, including the fraction of the current one
 * @param length of the step, in epochs
 */
export const learningRateAt = (
  settings: Schedule,
  state: ScheduleState,
  position: number,
  length: number,
): number => {
  const { schedule, epochs, warmUp, decreases } = settings;
  const rate = settings.learningRate * warmUpFactor(settings, position, length);
  const part = Math.min(1, Math.max(0, position - warmUp) / (epochs - warmUp));
  switch (schedule) {
    case 'plateau':
      return rate / 10 ** state.decreases;
    case 'cosine':
      return (rate * (1 + Math.cos(Math.PI * part))) / 2;
    case 'linear':
      return rate * (1 - part);
    case 'steps':
      return rate / 10 ** Math.min(decreases, Math.floor(part * (decreases + 1)));
    case 'constant':
      return rate;
  }
};

/**
 * The state after an epoch.
 *
 * @param accuracy the epoch's validation accuracy, in any unit that grows with quality
 */
export const afterEpoch = (settings: Schedule, state: ScheduleState, accuracy: number): ScheduleState => {
  const improved = accuracy > state.best;
  const best = improved ? accuracy : state.best;
  const epochsSinceBest = improved ? 0 : state.epochsSinceBest + 1;
  if (settings.schedule !== 'plateau' || epochsSinceBest < settings.patience) {
    return { ...state, best, epochsSinceBest };
  }
  return state.decreases < settings.decreases
    ? { best, epochsSinceBest: 0, decreases: state.decreases + 1, finished: false }
    : { best, epochsSinceBest, decreases: state.decreases, finished: true };
};
