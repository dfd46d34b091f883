// Learning-rate schedules: the paper's "divide by 10 when validation accuracy stops improving", and smooth
// curves.
export const schedules = ['plateau', 'cosine', 'linear', 'constant'] as const;
export type ScheduleName = (typeof schedules)[number];

export interface Schedule {
  readonly schedule: ScheduleName;
  /** The initial learning rate. */
  readonly learningRate: number;
  /** Maximum number of epochs; `cosine` and `linear` reach 0 at the end. */
  readonly epochs: number;
  /** plateau: epochs without a new best accuracy after which the rate falls. */
  readonly patience: number;
  /** plateau: how many times the rate is divided by 10; at the next plateau training ends. */
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
 * The learning rate of a step.
 *
 * @param position epochs done so far, including the fraction of the current one
 */
export const learningRateAt = (settings: Schedule, state: ScheduleState, position: number): number => {
  const { schedule, learningRate, epochs } = settings;
  const part = Math.min(1, position / epochs);
  switch (schedule) {
    case 'plateau':
      return learningRate / 10 ** state.decreases;
    case 'cosine':
      return (learningRate * (1 + Math.cos(Math.PI * part))) / 2;
    case 'linear':
      return learningRate * (1 - part);
    case 'constant':
      return learningRate;
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
