// The training loop (paper, section 3.1): epochs of shuffled batches, validation, schedule, checkpoints.
import type { Communicator } from '../../engine/communicator/communicator.js';
import { VerydeepError, option, text } from '../../errors.js';
import type { OnProgress, Skipped } from '../../progress.js';
import { type EpochSums, type TrainingState, noSums, writeCheckpoint } from './checkpoint.js';
import type { EpochFigures, EpochTimes } from './outcome.js';
import type { Tf } from '../nets/forward.js';
import type { Backbone } from '../nets/backbone.js';
import type { Seen } from '../nets/seen.js';
import type { Batch, Example, Loader } from './loader.js';
import type { Model } from './model.js';
import { type Counts, type Figure, addCounts, figuresOf } from './objective.js';
import type { ObservedMoments } from './parameters.js';
import { chunks, dropoutOf, epochOf, skipRows, validationOf } from './samples.js';
import { afterEpoch, learningRateAt } from './schedule.js';
import { type Gradients, StepGradients } from './step-gradients.js';
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
  /** This rank of those that train together; default: this process alone. */
  readonly communicator?: Communicator;
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

/** The inputs of a rank. */
export type RankRun = TrainingRun & { readonly communicator: Communicator };

/** Yields to the event loop between two steps, for signals and messages of worker threads. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The figures of an epoch, by their keys after a prefix. */
const record = (prefix: 'train' | 'validation', figures: readonly Figure[], sums: EpochSums) =>
  Object.fromEntries(figures.map(({ key, of }) => [`${prefix}${key}`, of(sums, sums.images)]));

/** What a micro-batch adds to a step's figures. */
interface PartFigures {
  readonly images: number;
  readonly loss: number;
  readonly counts: Counts;
  readonly moments: readonly ObservedMoments[];
  readonly skipped: readonly Skipped[];
}

/** Micro-batches of a step: those of a whole batch. */
export const leavesOfStep = ({ batch, microBatch }: { batch: number; microBatch: number }): number =>
  Math.ceil(batch / microBatch);

/** Images that were skipped before, and those that are new. */
const withNew = (before: readonly Skipped[], found: readonly Skipped[]): Skipped[] => {
  const known = new Set(before.map(({ id }) => id));
  return [...before, ...found.filter(({ id }) => !known.has(id))];
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
  /** Milliseconds of this epoch in which the net waited for the other ranks. */
  #held = 0;
  #isStopping = false;
  readonly #fixedSide: boolean;
  readonly #gradients: StepGradients;

  constructor(
    readonly run: RankRun,
    readonly settings: TrainingSettings,
    readonly model: Model,
    readonly log: Pick<TrainingLog, 'write' | 'writeTimes'>,
    readonly events: Pick<EventFile, 'scalars'>,
    state: TrainingState,
    readonly teacher?: Teacher,
  ) {
    this.#state = state;
    this.#fixedSide = settings.trainSide[0] === settings.trainSide[1];
    const { weights, trainable } = model.parameters;
    const leaves = leavesOfStep(settings);
    this.#gradients = new StepGradients(model.tf, run.communicator, leaves, weights, trainable);
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

  /** Whether any rank was asked to stop. */
  get #mustStop(): boolean {
    const { communicator, signal } = this.run;
    return this.#isStopping || (communicator.size === 1 && signal?.aborted === true);
  }

  /** Rank 0 writes. */
  async checkpoint(): Promise<void> {
    const { settings, run } = this;
    if (run.communicator.rank > 0) return;
    await writeCheckpoint(run.out, this.model.parameters, {
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

  /** The gradients and figures of this rank's micro-batches. */
  async #ownParts(batches: AsyncGenerator<Batch>, parts: number): Promise<PartFigures[]> {
    const { model, settings } = this;
    const dropout = dropoutOf(settings, this.#state.step);
    const { from, to } = this.#gradients.own;
    const figures: PartFigures[] = [];
    let rows = 0;
    for (let leaf = from; leaf < to; leaf++) {
      const batch = leaf - from < parts ? await this.#next(batches) : undefined;
      if (!batch || batch.examples.length === 0) {
        this.#gradients.take(leaf, undefined);
        if (batch) figures.push({ images: 0, loss: 0, counts: {}, moments: [], skipped: batch.skipped });
        continue;
      }
      const { examples, targets, pixels, skipped } = batch;
      skipRows(dropout, leaf * settings.microBatch - rows, settings.net.fullyConnected);
      rows = leaf * settings.microBatch + examples.length;
      const soft = this.teacher?.targets(pixels, examples.length);
      const listener = this.#gradients.listener(leaf);
      const result = model.gradients(pixels, targets, this.#divisor, dropout, soft, listener);
      this.#gradients.take(leaf, result.gradients);
      const { loss, counts, moments } = result;
      figures.push({ images: examples.length, loss, counts, moments, skipped });
      this.#checkLoss(loss * (this.#divisor / examples.length), pixels, examples);
    }
    return figures;
  }

  /** One update from the micro-batches of a batch, of which this rank has `parts`. */
  async #step(batches: AsyncGenerator<Batch>, parts: number): Promise<void> {
    const { model, settings, run } = this;
    const { step, sums, skipped } = this.#state;
    let gradients: Gradients | undefined;
    try {
      const own = await this.#ownParts(batches, parts);
      const start = performance.now();
      const summed = this.#gradients.finish();
      const { size } = run.communicator;
      if (size > 1) await breathe(); // A signal may have come.
      const gathered = run.communicator.gather({ own, stop: run.signal?.aborted ?? false });
      const [added, all] = await Promise.all([summed, gathered]);
      gradients = added;
      if (size > 1) this.#held += performance.now() - start;
      this.#isStopping ||= size > 1 && all.some(({ stop }) => stop);
      const figures = all.flatMap((each) => each.own);
      let total: EpochSums = sums;
      let stepLoss = 0;
      let stepImages = 0;
      for (const { loss, images, counts, moments } of figures) {
        stepLoss += loss;
        stepImages += images;
        total = { ...total, ...addCounts(total, counts) };
        model.parameters.observe(moments);
      }
      const rate = this.#rate;
      if (gradients && stepImages > 0) {
        const { momentum, weightDecay } = settings;
        model.update(gradients, { learningRate: rate, momentum, weightDecay });
      }
      const share = averageRate(settings.averageWeights, step + 1);
      if (share !== undefined) model.parameters.average(share);
      total = {
        ...total,
        loss: total.loss + stepLoss * this.#divisor,
        images: total.images + stepImages,
      };
      this.#state = {
        ...this.#state,
        step: step + 1,
        stepInEpoch: this.#state.stepInEpoch + 1,
        sums: total,
        skipped: withNew(
          skipped,
          figures.flatMap((each) => each.skipped),
        ),
      };
      const loss = stepImages === 0 ? null : (stepLoss * this.#divisor) / stepImages;
      await this.log.write({ step: step + 1, epoch: this.#state.epoch + 1, loss, learningRate: rate });
      if (loss !== null) await this.events.scalars(step + 1, { 'train/loss': loss, 'learning rate': rate });
    } finally {
      if (gradients) model.tf.dispose([...gradients.values()]);
      this.#gradients.abandon();
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
    this.#held = 0;
    const busyBefore = run.communicator.busySeconds;
    const steps = chunks(epochOf(run.train, settings, epoch), settings.batch).slice(stepInEpoch);
    const { from, to } = this.#gradients.own;
    const lists = steps.map((step) => chunks(step, settings.microBatch).slice(from, to));
    const batches = run.loader.batches(lists.flat(), settings.input, this.#fixedSide);
    const imagesBefore = this.#state.sums.images;
    try {
      for (const parts of lists) {
        await this.#step(batches, parts.length);
        this.#report(start, imagesBefore);
        await breathe();
        if (this.#mustStop) {
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
    return this.#endEpoch(start, imagesBefore, busyBefore);
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
        ...(this.run.communicator.size > 1 && {
          communication: `${((100 * this.#held) / 1000 / seconds).toFixed(0)}%`,
        }),
      },
    });
  }

  /**
   * Validates, and writes the epoch's results. Returns false if a stop was requested: validation is then
   * repeated.
   */
  async #endEpoch(start: number, imagesBefore: number, busyBefore: number): Promise<boolean> {
    const { settings } = this;
    const { epoch, step, sums } = this.#state;
    const seconds = (performance.now() - start) / 1000;
    const { communicator } = this.run;
    const busy = communicator.busySeconds - busyBefore;
    const rate = this.#rate;
    if (sums.images === 0) throw new VerydeepError('None of the training images can be read.');
    const validation = this.run.validation.length > 0 ? await this.#validate() : undefined;
    if (this.#mustStop) {
      await this.checkpoint();
      return false;
    }
    const figures = figuresOf(settings);
    const steering = validation ?? sums;
    const done: EpochFigures = {
      epoch: epoch + 1,
      step,
      learningRate: rate,
      loss: sums.loss / sums.images,
      ...record('train', figures, sums),
      ...(validation && record('validation', figures, validation)),
    };
    const times: EpochTimes = {
      seconds,
      waiting: this.#waited / 1000 / seconds,
      imagesPerSecond: (sums.images - imagesBefore) / seconds,
      ...(communicator.size > 1 && {
        communication: { waiting: this.#held / 1000 / seconds, busy: busy / seconds },
      }),
    };
    this.#state = {
      ...this.#state,
      epoch: epoch + 1,
      stepInEpoch: 0,
      sums: noSums,
      schedule: afterEpoch(settings, this.#state.schedule, -figures[0]!.of(steering, steering.images) + 100),
      history: [...this.#state.history, { ...done, ...times }],
    };
    await this.log.write({ kind: 'epoch', ...done });
    await this.log.writeTimes({ step, epoch: epoch + 1, ...times });
    await this.events.scalars(step, {
      ...scalars('train', figures, sums),
      ...(validation && scalars('validation', figures, validation)),
    });
    await this.checkpoint();
    if (communicator.rank === 0) await writeHistory(this.run.out, this.#state.history);
    return true;
  }

  /**
   * Counts on the validation images: one centred crop each. Ends early, with an incomplete result, if a stop
   * was requested.
   */
  async #validate(): Promise<EpochSums> {
    const { run, settings, model } = this;
    const { rank, size } = run.communicator;
    const lists = chunks(validationOf(run.validation, settings), settings.microBatch);
    const own = lists.flatMap((_, i) => (i % size === rank ? [i] : []));
    const found: (Pick<PartFigures, 'images' | 'counts' | 'skipped'> & { readonly list: number })[] = [];
    await model.judging(async (judge) => {
      const ownLists = own.map((i) => lists[i]!);
      const batches = run.loader.batches(ownLists, settings.input, true);
      for await (const { examples, targets, pixels, skipped } of batches) {
        if (run.signal?.aborted) break;
        const counts = examples.length === 0 ? {} : judge(pixels, targets);
        found.push({ list: own[found.length]!, images: examples.length, counts, skipped });
        await breathe();
      }
    });
    const all = await run.communicator.gather({ found, stop: run.signal?.aborted ?? false });
    this.#isStopping ||= size > 1 && all.some(({ stop }) => stop);
    const inOrder = all.flatMap((each) => each.found).sort((a, b) => a.list - b.list);
    this.#state = {
      ...this.#state,
      skipped: withNew(
        this.#state.skipped,
        inOrder.flatMap(({ skipped }) => skipped),
      ),
    };
    return inOrder.reduce<EpochSums>(
      (sums, { counts, images }) => ({ ...sums, ...addCounts(sums, { ...counts, images }) }),
      noSums,
    );
  }
}
