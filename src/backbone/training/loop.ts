// The training loop (paper, section 3.1): epochs of shuffled batches, validation, schedule, checkpoints.
import type * as tfjs from '@tensorflow/tfjs-core';
import { VerydeepError, option, text } from '../../errors.js';
import type { OnProgress, Skipped } from '../../progress.js';
import { type EpochSums, type TrainingState, noSums, writeCheckpoint } from './checkpoint.js';
import type { EpochRecord } from './outcome.js';
import type { Tf } from '../nets/forward.js';
import type { Backbone } from '../nets/backbone.js';
import type { Seen } from '../nets/seen.js';
import type { Batch, Example, Loader } from './loader.js';
import type { Model } from './model.js';
import { type Figure, addCounts, figuresOf } from './objective.js';
import { chunks, dropoutOf, epochOf, validationOf } from './samples.js';
import { afterEpoch, learningRateAt } from './schedule.js';
import type { EventFile } from './tensorboard.js';
import type { TrainingLog } from './log.js';
import { recipeRecord } from './recipe-record.js';
import { writeHistory } from './results.js';
import type { TrainingSettings } from './settings.js';
import type { Teacher } from './teacher.js';
import { averageRate } from './weight-average.js';

/** Inputs of the trainer besides the recipe. */
export interface TrainingRun {
  readonly tf: Tf;
  readonly loader: Loader;
  readonly train: readonly Example[];
  /** May be empty: then the schedule follows the accuracy on the training images. */
  readonly validation: readonly Example[];
  /** Output folder; it exists. */
  readonly out: string;
  /** Continue from the checkpoint in `out`, if there is one. */
  readonly resume?: boolean;
  /** Initial weights by tensor name, in a backbone file's layout; random where undefined. */
  readonly initial?: (name: string) => Promise<Float32Array | undefined>;
  /** The images that the initial net has seen; undefined if its file does not record them. */
  readonly before?: Seen | undefined;
  /** The net that teaches this one, by the settings' weight and temperature. */
  readonly teacher?: Backbone;
  /** Steps between checkpoints, besides those at each epoch's end; 0 for none. */
  readonly checkpointEvery?: number;
  /** Requests a stop after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** Yields to the event loop between two steps, for signals and messages of worker threads. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The figures of an epoch, by their keys after a prefix. */
const record = (prefix: 'train' | 'validation', figures: readonly Figure[], sums: EpochSums) =>
  Object.fromEntries(figures.map(({ key, of }) => [`${prefix}${key}`, of(sums, sums.images)]));

const addGradients = (
  tf: Tf,
  sum: Map<string, tfjs.Tensor> | undefined,
  part: Map<string, tfjs.Tensor>,
): Map<string, tfjs.Tensor> => {
  if (!sum) return part;
  for (const [name, gradient] of part) {
    const before = sum.get(name)!;
    sum.set(name, tf.add(before, gradient));
    tf.dispose([before, gradient]);
  }
  return sum;
};

/** The same for TensorBoard, by their tags. */
const scalars = (prefix: 'train' | 'validation', figures: readonly Figure[], sums: EpochSums) =>
  Object.fromEntries(figures.map(({ name, of }) => [`${prefix}/${name}`, of(sums, sums.images)]));

/** A loss above this multiple of the chance-level loss means that training diverges. */
const EXPLODED = 100;

/** Trains a model epoch by epoch; a checkpoint holds its state. */
export class Trainer {
  #state: TrainingState;
  #waited = 0;
  readonly #fixedSide: boolean;

  constructor(
    readonly run: TrainingRun,
    readonly settings: TrainingSettings,
    readonly model: Model,
    readonly log: TrainingLog,
    readonly events: EventFile,
    state: TrainingState,
    readonly teacher?: Teacher,
  ) {
    this.#state = state;
    this.#fixedSide = settings.trainSide[0] === settings.trainSide[1];
  }

  get state(): TrainingState {
    return this.#state;
  }

  /** The divisor of the gradients: the last, smaller batch of an epoch has less weight. */
  get #divisor(): number {
    return Math.min(this.settings.batch, this.run.train.length);
  }

  get #stepsPerEpoch(): number {
    return Math.ceil(this.run.train.length / this.settings.batch);
  }

  get #rate(): number {
    const { epoch, stepInEpoch, schedule } = this.#state;
    const length = 1 / this.#stepsPerEpoch;
    return learningRateAt(this.settings, schedule, epoch + stepInEpoch / this.#stepsPerEpoch, length);
  }

  checkpoint(): Promise<void> {
    const { settings, run } = this;
    return writeCheckpoint(run.out, this.model.parameters, {
      format: 1,
      state: this.#state,
      input: settings.input,
      options: recipeRecord(settings),
    });
  }

  async #next(batches: AsyncGenerator<Batch>): Promise<Batch> {
    const start = performance.now();
    const batch = (await batches.next()) as IteratorYieldResult<Batch>;
    this.#waited += performance.now() - start;
    return batch.value;
  }

  /** One update from the parts of a batch. */
  async #step(batches: AsyncGenerator<Batch>, parts: number): Promise<void> {
    const { model, settings } = this;
    const { tf } = model;
    const { step, sums, skipped } = this.#state;
    const dropout = dropoutOf(settings, step);
    let total: EpochSums = sums;
    let stepLoss = 0;
    let stepImages = 0;
    const bad: Skipped[] = [];
    let gradients: Map<string, tfjs.Tensor> | undefined;
    try {
      for (let part = 0; part < parts; part++) {
        const { examples, targets, pixels, skipped: unreadable } = await this.#next(batches);
        bad.push(...unreadable);
        if (examples.length === 0) continue;
        const soft = this.teacher?.targets(pixels, examples.length);
        const result = model.gradients(pixels, targets, this.#divisor, dropout, soft);
        gradients = addGradients(tf, gradients, result.gradients);
        stepLoss += result.loss;
        stepImages += examples.length;
        total = { ...total, ...addCounts(total, result.counts) };
        this.#checkLoss(result.loss * (this.#divisor / examples.length), pixels, examples);
      }
      const rate = this.#rate;
      if (gradients) {
        model.update(gradients, {
          learningRate: rate,
          momentum: settings.momentum,
          weightDecay: settings.weightDecay,
        });
      }
      const share = averageRate(settings.averageWeights, step + 1);
      if (share !== undefined) model.parameters.average(share);
      total = {
        ...total,
        loss: total.loss + stepLoss * this.#divisor,
        images: total.images + stepImages,
      };
      const seen = new Set(skipped.map(({ id }) => id));
      this.#state = {
        ...this.#state,
        step: step + 1,
        stepInEpoch: this.#state.stepInEpoch + 1,
        sums: total,
        skipped: [...skipped, ...bad.filter(({ id }) => !seen.has(id))],
      };
      const loss = stepImages === 0 ? null : (stepLoss * this.#divisor) / stepImages;
      await this.log.write({ step: step + 1, epoch: this.#state.epoch + 1, loss, learningRate: rate });
      if (loss !== null) await this.events.scalars(step + 1, { 'train/loss': loss, 'learning rate': rate });
    } finally {
      if (gradients) tf.dispose([...gradients.values()]);
    }
  }

  /** Throws if the loss is not finite or diverges; the error names the layer. */
  #checkLoss(loss: number, pixels: Float32Array, examples: readonly Example[]): void {
    if (loss <= EXPLODED * this.model.objective.chance) return;
    const { step, epoch } = this.#state;
    const where = this.model.firstBadLayer(pixels, examples.length);
    throw new VerydeepError(
      text`Training diverged at step ${step + 1} (epoch ${epoch + 1}): the loss is ${loss}; ${where}. Lower ${option('learningRate')} (now ${this.#rate}) or choose another ${option('init')}; the last checkpoint in ${this.run.out} is kept.`,
    );
  }

  /** Finishes the current epoch. Returns false if a stop was requested before its end. */
  async epoch(): Promise<boolean> {
    const { run, settings } = this;
    const { epoch, stepInEpoch } = this.#state;
    const start = performance.now();
    this.#waited = 0;
    const steps = chunks(epochOf(run.train, settings, epoch), settings.batch).slice(stepInEpoch);
    const lists = steps.map((step) => chunks(step, settings.microBatch));
    const batches = run.loader.batches(lists.flat(), settings.input, this.#fixedSide);
    const imagesBefore = this.#state.sums.images;
    try {
      for (const parts of lists) {
        await this.#step(batches, parts.length);
        this.#report(start, imagesBefore);
        await breathe();
        if (run.signal?.aborted) {
          await this.checkpoint();
          return false;
        }
        const every = run.checkpointEvery ?? 0;
        if (every > 0 && this.#state.step % every === 0 && this.#state.stepInEpoch < this.#stepsPerEpoch) {
          await this.checkpoint();
        }
      }
    } finally {
      await batches.return(undefined);
    }
    return this.#endEpoch(start, imagesBefore);
  }

  #report(start: number, imagesBefore: number): void {
    const { epoch, sums, step } = this.#state;
    const seconds = (performance.now() - start) / 1000;
    this.run.onProgress?.({
      task: 'train',
      done: step,
      total: this.settings.epochs * this.#stepsPerEpoch,
      unit: 'steps',
      figures: {
        epoch: `${epoch + 1}/${this.settings.epochs}`,
        loss: sums.loss / Math.max(1, sums.images),
        rate: this.#rate,
        'images/s': (sums.images - imagesBefore) / seconds,
        waiting: `${((100 * this.#waited) / 1000 / seconds).toFixed(0)}%`,
      },
    });
  }

  /**
   * Validates, and writes the epoch's results. Returns false if a stop was requested: validation is then
   * repeated.
   */
  async #endEpoch(start: number, imagesBefore: number): Promise<boolean> {
    const { settings } = this;
    const { epoch, step, sums } = this.#state;
    const seconds = (performance.now() - start) / 1000;
    const rate = this.#rate;
    if (sums.images === 0) throw new VerydeepError('None of the training images can be read.');
    const validation = this.run.validation.length > 0 ? await this.#validate() : undefined;
    if (this.run.signal?.aborted) {
      await this.checkpoint();
      return false;
    }
    const figures = figuresOf(settings);
    const steering = validation ?? sums;
    const done: EpochRecord = {
      epoch: epoch + 1,
      step,
      learningRate: rate,
      loss: sums.loss / sums.images,
      ...record('train', figures, sums),
      ...(validation && record('validation', figures, validation)),
      seconds,
      waiting: this.#waited / 1000 / seconds,
      imagesPerSecond: (sums.images - imagesBefore) / seconds,
    };
    this.#state = {
      ...this.#state,
      epoch: epoch + 1,
      stepInEpoch: 0,
      sums: noSums,
      schedule: afterEpoch(settings, this.#state.schedule, -figures[0]!.of(steering, steering.images) + 100),
      history: [...this.#state.history, done],
    };
    await this.log.write({ kind: 'epoch', ...done });
    await this.events.scalars(step, {
      ...scalars('train', figures, sums),
      ...(validation && scalars('validation', figures, validation)),
    });
    await this.checkpoint();
    await writeHistory(this.run.out, this.#state.history);
    return true;
  }

  /**
   * Counts on the validation images: one centred crop each. Ends early, with an incomplete result, if a stop
   * was requested.
   */
  async #validate(): Promise<EpochSums> {
    const { run, settings, model } = this;
    const lists = chunks(validationOf(run.validation, settings), settings.microBatch);
    let sums = noSums;
    const bad: Skipped[] = [];
    await model.judging(async (counts) => {
      for await (const batch of run.loader.batches(lists, settings.input, true)) {
        if (run.signal?.aborted) break;
        bad.push(...batch.skipped);
        if (batch.examples.length === 0) continue;
        const found = counts(batch.pixels, batch.targets);
        sums = {
          ...sums,
          ...addCounts(sums, { ...found, images: batch.examples.length }),
        };
        await breathe();
      }
    });
    const seen = new Set(this.#state.skipped.map(({ id }) => id));
    this.#state = {
      ...this.#state,
      skipped: [...this.#state.skipped, ...bad.filter(({ id }) => !seen.has(id))],
    };
    return sums;
  }
}
