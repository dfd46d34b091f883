import assert from 'node:assert/strict';
import {
  type Schedule,
  type ScheduleState,
  afterEpoch,
  initialScheduleState,
  learningRateAt,
} from '../../../src/backbone/training/schedule.js';
import { courseOptions } from '../../../src/backbone/training/options.js';
import { checkOptions } from '../../../src/options.js';

const plateau: Schedule = {
  ...{ schedule: 'plateau', learningRate: 0.01, epochs: 74, patience: 2, decreases: 3, warmUp: 0 },
};

/** The learning rate of each epoch on a made-up curve of accuracies; ends where training would. */
const ratesOn = (schedule: Schedule, accuracies: readonly number[]): number[] => {
  const rates: number[] = [];
  let state: ScheduleState = initialScheduleState;
  for (const [epoch, accuracy] of accuracies.entries()) {
    if (state.finished) break;
    rates.push(learningRateAt(schedule, state, epoch, 1));
    state = afterEpoch(schedule, state, accuracy);
  }
  return rates;
};

const near = (actual: readonly number[], wanted: readonly number[]) => {
  assert.equal(actual.length, wanted.length, actual.join(' '));
  actual.forEach((rate, i) => assert.ok(Math.abs(rate / wanted[i]! - 1) < 1e-12, actual.join(' ')));
};

describe('schedule', () => {
  it('keeps the rate while accuracy improves', () => {
    near(ratesOn(plateau, [10, 20, 30, 31, 32]), [1e-2, 1e-2, 1e-2, 1e-2, 1e-2]);
  });

  it('divides by 10 at each of three plateaus, then ends', () => {
    const curve = [10, 20, 20, 19, 30, 30, 30, 31, 31, 30, 32, 32, 32, 99, 99];
    near(ratesOn(plateau, curve), [
      ...[1e-2, 1e-2, 1e-2, 1e-2],
      ...[1e-3, 1e-3, 1e-3],
      ...[1e-4, 1e-4, 1e-4],
      ...[1e-5, 1e-5, 1e-5],
    ]);
  });

  it('counts a single bad epoch as no plateau', () => {
    near(
      ratesOn(plateau, [10, 9, 11, 10, 12, 11, 13]),
      Array.from({ length: 7 }, () => 1e-2),
    );
  });

  it('does not take an equal accuracy for progress', () => {
    near(ratesOn(plateau, [10, 10, 10, 10]), [1e-2, 1e-2, 1e-2, 1e-3]);
  });

  it('falls smoothly to 0 by cosine and linearly', () => {
    const at = (schedule: 'cosine' | 'linear' | 'constant', position: number) =>
      learningRateAt({ ...plateau, schedule, epochs: 10 }, initialScheduleState, position, 0.1);
    assert.equal(at('cosine', 0), 0.01);
    assert.ok(Math.abs(at('cosine', 5) - 0.005) < 1e-12);
    assert.ok(at('cosine', 10) < 1e-12);
    assert.ok(Math.abs(at('linear', 2.5) - 0.0075) < 1e-12);
    assert.equal(at('linear', 10), 0);
    assert.equal(at('constant', 7), 0.01);
  });

  it('divides by 10 at equal distances by steps', () => {
    const steps: Schedule = { ...plateau, schedule: 'steps', epochs: 12, decreases: 2 };
    const at = (position: number) => learningRateAt(steps, initialScheduleState, position, 0.5);
    near([0, 3.5, 4, 7.5, 8, 11.5, 12].map(at), [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4]);
    const never = { ...steps, decreases: 0 };
    assert.equal(learningRateAt(never, initialScheduleState, 11, 0.5), 0.01);
  });

  it('rises linearly to the rate over the warm-up, after which the curve begins', () => {
    const at = (schedule: Schedule['schedule'], position: number) =>
      learningRateAt(
        { ...plateau, schedule, learningRate: 1, epochs: 4.5, warmUp: 0.5 },
        initialScheduleState,
        position,
        0.125,
      );
    near(
      [0, 0.125, 0.25, 0.375].map((position) => at('constant', position)),
      [0.25, 0.5, 0.75, 1],
    );
    near(
      [0.125, 0.5, 2.5].map((position) => at('linear', position)),
      [0.5, 1, 0.5],
    );
    near(
      [0.125, 0.5, 2.5].map((position) => at('cosine', position)),
      [0.5, 1, 0.5],
    );
    near(
      [0.125, 0.5, 1.5, 2.5, 3.5].map((position) => at('steps', position)),
      [0.5, 1, 0.1, 0.01, 0.001],
    );
    near(
      [0.125, 0.5, 4].map((position) => at('plateau', position)),
      [0.5, 1, 1],
    );
  });

  it('ends a warm-up that is no whole number of steps at the rate, not above it', () => {
    const third = { ...plateau, learningRate: 1, warmUp: 0.25 };
    near(
      [0, 0.1, 0.2, 0.3].map((position) => learningRateAt(third, initialScheduleState, position, 0.1)),
      [0.4, 0.8, 1, 1],
    );
  });

  it('refuses wrong values by the names of the options', () => {
    const wrong = (part: Partial<Schedule>, message: RegExp) =>
      assert.throws(() => checkOptions(courseOptions, { ...plateau, ...part }), message);
    wrong({ learningRate: 0 }, /learningRate but received 0/);
    wrong({ epochs: -1 }, /epochs but received -1/);
    wrong({ patience: 0 }, /patience but received 0/);
    wrong({ decreases: 0.5 }, /decreases but received 0.5/);
    wrong({ warmUp: -1 }, /warmUp but received -1/);
    wrong({ schedule: 'exponential' as never }, /schedule but received "exponential"/);
  });
});
