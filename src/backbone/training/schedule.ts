// How the learning rate falls: the paper's "divide by 10 when validation accuracy stops improving", and smooth curves.
import { type OptionName, expected, option } from '../../errors.js';

export const schedules = ['plateau', 'cosine', 'linear', 'constant'] as const;
export type ScheduleName = (typeof schedules)[number];

export interface Schedule {
  readonly name: ScheduleName;
  /** The first learning rate. */
  readonly rate: number;
  /** Epochs at most; `cosine` and `linear` reach 0 at their end. */
  readonly epochs: number;
  /** plateau: epochs without a new best accuracy after which the rate falls. */
  readonly patience: number;
  /** plateau: how often the rate is divided by 10; when accuracy stops improving once more, training ends. */
  readonly decreases: number;
}

/** What the schedule remembers between epochs; plain data, saved in checkpoints. */
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

/** @throws UsageError naming the option at fault */
export const checkSchedule = ({ name: schedule, rate, epochs, patience, decreases }: Schedule): void => {
  if (!schedules.includes(schedule))
    throw expected(`one of ${schedules.join(', ')}`, option('schedule'), schedule);
  if (!(Number.isFinite(rate) && rate > 0)) throw expected('a number above 0', option('learningRate'), rate);
  const whole = (value: number, name: OptionName, least: number) => {
    if (!(Number.isInteger(value) && value >= least)) {
      throw expected(`a whole number of at least ${least}`, name, value);
    }
  };
  whole(epochs, option('epochs'), 0);
  whole(patience, option('patience'), 1);
  whole(decreases, option('decreases'), 0);
};

/**
 * The learning rate of a step.
 *
 * @param position epochs done so far, with the fraction of the running one
 */
export const learningRate = (schedule: Schedule, state: ScheduleState, position: number): number => {
  const { name, rate, epochs } = schedule;
  const part = Math.min(1, position / epochs);
  switch (name) {
    case 'plateau':
      return rate / 10 ** state.decreases;
    case 'cosine':
      return (rate * (1 + Math.cos(Math.PI * part))) / 2;
    case 'linear':
      return rate * (1 - part);
    case 'constant':
      return rate;
  }
};

/**
 * The state after an epoch.
 *
 * @param accuracy the epoch's validation accuracy, in any unit that grows with quality
 */
export const afterEpoch = (schedule: Schedule, state: ScheduleState, accuracy: number): ScheduleState => {
  const improved = accuracy > state.best;
  const best = improved ? accuracy : state.best;
  const epochsSinceBest = improved ? 0 : state.epochsSinceBest + 1;
  if (schedule.name !== 'plateau' || epochsSinceBest < schedule.patience) {
    return { ...state, best, epochsSinceBest };
  }
  return state.decreases < schedule.decreases
    ? { best, epochsSinceBest: 0, decreases: state.decreases + 1, finished: false }
    : { best, epochsSinceBest, decreases: state.decreases, finished: true };
};
