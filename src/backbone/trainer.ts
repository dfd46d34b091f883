// The training loop (paper, section 3.1): epochs of shuffled batches, validation, schedule, checkpoints.
import { join } from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { UsageError, VerydeepError } from '../errors.js';
import { writeFileAtomically } from '../files.js';
import type { OnProgress, Skipped } from '../progress.js';
import { Random } from '../random.js';
import { type Augmentation, centred, draw } from './augmentation.js';
import { saveBackbone } from './backbone.js';
import {
  type Checkpoint,
  type EpochRecord,
  type EpochSums,
  type TrainingState,
  openCheckpoint,
  writeCheckpoint,
} from './checkpoint.js';
import type { Dropout, Tf } from './forward.js';
import { initialWeights } from './initialisation.js';
import { tensorsOf } from './layout.js';
import type { Batch, Example, Loader, Presentation } from './loader.js';
import type { Heads } from './loss.js';
import { Model, type Source } from './model.js';
import { afterEpoch, initialScheduleState, learningRate } from './schedule.js';
import { EventFile } from './tensorboard.js';
import { TrainingLog } from './training-log.js';
import { type TrainingOptions, checkTraining, fingerprint, firstDifference } from './training-options.js';

/** What the trainer needs besides the recipe. */
export interface TrainingRun {
  readonly tf: Tf;
  readonly loader: Loader;
  readonly train: readonly Example[];
  /** May be empty: then the schedule follows the accuracy on the training images. */
  readonly validation: readonly Example[];
  /** Folder of the results; it exists. */
  readonly out: string;
  /** Continue from the checkpoint in `out`, if there is one. */
  readonly resume?: boolean;
  /** Weights to start from, by name in a backbone file's layout; random ones where it gives none. */
  readonly initial?: (name: string) => Promise<Float32Array | undefined>;
  /** Steps between checkpoints, besides those at each epoch's end; 0 for none. */
  readonly checkpointEvery?: number;
  /** Asks to stop after the running step, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface TrainingResult {
  /** Path of the backbone; missing where training was interrupted before its end. */
  readonly backbone?: string;
  readonly history: readonly EpochRecord[];
  readonly step: number;
  readonly skipped: readonly Skipped[];
  readonly interrupted: boolean;
}

const noSums: EpochSums = { loss: 0, images: 0, top1: 0, top5: 0 };

const startState: TrainingState = {
  step: 0,
  epoch: 0,
  stepInEpoch: 0,
  schedule: initialScheduleState,
  sums: noSums,
  history: [],
  skipped: [],
};

const chunks = <T>(values: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));

/** Lets signals and messages of worker threads in between two steps. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const errorPercent = (correct: number, images: number): number =>
  images === 0 ? 100 : 100 * (1 - correct / images);

const augmentationOf = ({ net, sides, flip, colour }: TrainingOptions): Augmentation => ({
  crop: net.inputSize,
  sides,
  flip,
  colour,
});

/** The presentations of an epoch in order: which image, at which scale, place, mirror and colour. */
export const epochOf = (
  examples: readonly Example[],
  options: TrainingOptions,
  epoch: number,
): Presentation[] => {
  const augmentation = augmentationOf(options);
  return new Random(options.seed, 'order', epoch).shuffle(examples).map((example) => ({
    example,
    draw: draw(augmentation, new Random(options.seed, 'augment', epoch, example.id)),
  }));
};

/** Streams of dropout for one step; the parts of its batch go on where the last ended. */
const dropoutOf = ({ seed, dropout }: TrainingOptions, step: number): Dropout | undefined =>
  dropout === 0
    ? undefined
    : {
        rate: dropout,
        streams: { fc6: new Random(seed, 'fc6', step), fc7: new Random(seed, 'fc7', step) },
      };

/** A loss above this many times the loss of guessing means that training explodes. */
const EXPLODED = 100;

class Trainer {
  #state: TrainingState = startState;
  #waited = 0;
  readonly #fixedSide: boolean;

  constructor(
    readonly run: TrainingRun,
    readonly options: TrainingOptions,
    readonly model: Model,
    readonly log: TrainingLog,
    readonly events: EventFile,
    state: TrainingState,
  ) {
    this.#state = state;
    this.#fixedSide = options.sides[0] === options.sides[1];
  }

  get state(): TrainingState {
    return this.#state;
  }

  /** Images that weigh together as one in the update: the last, smaller batch of an epoch counts for less. */
  get #divisor(): number {
    return Math.min(this.options.batch, this.run.train.length);
  }

  get #stepsPerEpoch(): number {
    return Math.ceil(this.run.train.length / this.options.batch);
  }

  get #rate(): number {
    const { epoch, stepInEpoch, schedule } = this.#state;
    return learningRate(this.options.schedule, schedule, epoch + stepInEpoch / this.#stepsPerEpoch);
  }

  checkpoint(): Promise<void> {
    const { options, run } = this;
    return writeCheckpoint(run.out, this.model, {
      format: 1,
      state: this.#state,
      input: options.input,
      options: fingerprint(options),
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
    const { model, options } = this;
    const { tf } = model;
    const { step, sums, skipped } = this.#state;
    const dropout = dropoutOf(options, step);
    const total = { ...sums };
    let stepLoss = 0;
    let stepImages = 0;
    const bad: Skipped[] = [];
    let gradients: Map<string, tfjs.Tensor> | undefined;
    try {
      for (let part = 0; part < parts; part++) {
        const { examples, pixels, skipped: unreadable } = await this.#next(batches);
        bad.push(...unreadable);
        if (examples.length === 0) continue;
        const result = model.gradients(pixels, examples, this.#divisor, dropout);
        gradients = addGradients(tf, gradients, result.gradients);
        stepLoss += result.loss;
        stepImages += examples.length;
        total.top1 += result.top1;
        total.top5 += result.top5;
        this.#checkLoss(result.loss * (this.#divisor / examples.length), pixels, examples);
      }
      const rate = this.#rate;
      if (gradients) {
        model.update(gradients, { learningRate: rate, momentum: options.momentum, decay: options.decay });
      }
      total.loss += stepLoss * this.#divisor;
      total.images += stepImages;
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

  /** Stops training at a loss that is not finite or explodes, and says where it began. */
  #checkLoss(loss: number, pixels: Float32Array, examples: readonly Example[]): void {
    const { classes, superclasses, superclassWeight } = this.model.heads;
    const chance = Math.log(Math.max(2, classes)) + superclassWeight * Math.log(Math.max(2, superclasses));
    if (loss <= EXPLODED * chance) return;
    const { step, epoch } = this.#state;
    const where = this.model.firstBadLayer(pixels, examples.length);
    throw new VerydeepError(
      `Training diverged at step ${step + 1} (epoch ${epoch + 1}): the loss is ${loss}; ${where}. ` +
        `Lower --learning-rate (now ${this.#rate}) or choose another --init; the last checkpoint in ${this.run.out} is kept.`,
    );
  }

  /** Finishes the running epoch. Returns false when training was asked to stop in between. */
  async epoch(): Promise<boolean> {
    const { run, options } = this;
    const { epoch, stepInEpoch } = this.#state;
    const start = performance.now();
    this.#waited = 0;
    const steps = chunks(epochOf(run.train, options, epoch), options.batch).slice(stepInEpoch);
    const lists = steps.map((step) => chunks(step, options.microBatch));
    const batches = run.loader.batches(lists.flat(), options.input, this.#fixedSide);
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
    await this.#endEpoch(start, imagesBefore);
    return true;
  }

  #report(start: number, imagesBefore: number): void {
    const { epoch, sums, step } = this.#state;
    const seconds = (performance.now() - start) / 1000;
    this.run.onProgress?.({
      task: 'train',
      done: step,
      total: this.options.schedule.epochs * this.#stepsPerEpoch,
      unit: 'steps',
      figures: {
        epoch: `${epoch + 1}/${this.options.schedule.epochs}`,
        loss: sums.loss / Math.max(1, sums.images),
        rate: this.#rate,
        'images/s': (sums.images - imagesBefore) / seconds,
        waiting: `${((100 * this.#waited) / 1000 / seconds).toFixed(0)}%`,
      },
    });
  }

  async #endEpoch(start: number, imagesBefore: number): Promise<void> {
    const { options } = this;
    const { epoch, step, sums } = this.#state;
    const seconds = (performance.now() - start) / 1000;
    const rate = this.#rate;
    if (sums.images === 0) throw new VerydeepError('None of the training images can be read.');
    const validation = this.run.validation.length > 0 ? await this.#validate() : undefined;
    const record: EpochRecord = {
      epoch: epoch + 1,
      step,
      learningRate: rate,
      loss: sums.loss / sums.images,
      trainTop1Error: errorPercent(sums.top1, sums.images),
      trainTop5Error: errorPercent(sums.top5, sums.images),
      ...(validation && {
        validationTop1Error: validation.top1Error,
        validationTop5Error: validation.top5Error,
      }),
      seconds,
      waiting: this.#waited / 1000 / seconds,
      imagesPerSecond: (sums.images - imagesBefore) / seconds,
    };
    this.#state = {
      ...this.#state,
      epoch: epoch + 1,
      stepInEpoch: 0,
      sums: noSums,
      schedule: afterEpoch(
        options.schedule,
        this.#state.schedule,
        -(validation?.top1Error ?? record.trainTop1Error) + 100,
      ),
      history: [...this.#state.history, record],
    };
    await this.log.write({ kind: 'epoch', ...record });
    await this.events.scalars(step, {
      'train/top-1 error': record.trainTop1Error,
      'train/top-5 error': record.trainTop5Error,
      ...(validation && {
        'validation/top-1 error': validation.top1Error,
        'validation/top-5 error': validation.top5Error,
      }),
    });
    await this.checkpoint();
    await writeHistory(this.run.out, this.#state.history);
  }

  /** Errors on the validation images: one centred crop each. */
  async #validate(): Promise<{ top1Error: number; top5Error: number }> {
    const { run, options, model } = this;
    const fixed = { draw: centred(augmentationOf(options)) };
    const lists = chunks(
      run.validation.map((example) => ({ example, ...fixed })),
      options.microBatch,
    );
    let [top1, top5, images] = [0, 0, 0];
    const bad: Skipped[] = [];
    for await (const batch of run.loader.batches(lists, options.input, true)) {
      bad.push(...batch.skipped);
      if (batch.examples.length === 0) continue;
      const correct = model.correct(batch.pixels, batch.examples);
      top1 += correct.top1;
      top5 += correct.top5;
      images += batch.examples.length;
      await breathe();
    }
    const seen = new Set(this.#state.skipped.map(({ id }) => id));
    this.#state = {
      ...this.#state,
      skipped: [...this.#state.skipped, ...bad.filter(({ id }) => !seen.has(id))],
    };
    return { top1Error: errorPercent(top1, images), top5Error: errorPercent(top5, images) };
  }
}

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

const writeHistory = (out: string, history: readonly EpochRecord[]): Promise<void> =>
  writeFileAtomically(join(out, 'history.json'), `${JSON.stringify({ epochs: history }, null, 2)}\n`);

const writeReport = async (
  out: string,
  options: TrainingOptions,
  history: readonly EpochRecord[],
): Promise<void> => {
  const { trainingReport } = await import('./training-report.js'); // Loads a library of charts.
  await writeFileAtomically(join(out, 'report.html'), await trainingReport(options, history));
};

const resumed = async (run: TrainingRun, options: TrainingOptions): Promise<Checkpoint | undefined> => {
  const checkpoint = run.resume ? await openCheckpoint(run.out) : undefined;
  if (!checkpoint) return undefined;
  const difference = firstDifference(checkpoint.header.options, fingerprint(options));
  if (difference === undefined) return checkpoint;
  await checkpoint.close();
  throw new UsageError(
    `Expected the options of the run in ${run.out} for --resume but received another ${difference}. Give the same options, or another --out.`,
  );
};

const initialSource = (run: TrainingRun, options: TrainingOptions): Source => {
  const layers = new Map(tensorsOf(options.net).map((entry) => [entry.name, entry]));
  return async (name) => {
    const given = await run.initial?.(name);
    if (given) return given;
    const { layer, bias } = layers.get(name)!;
    const { initialisation, seed, initialStd } = options;
    return bias ? new Float32Array(layer.outputs) : initialWeights(layer, initialisation, seed, initialStd);
  };
};

/**
 * Trains a net and writes `backbone.safetensors`, `checkpoint.safetensors`, `log.jsonl`, `history.json`, `report.html` and
 * TensorBoard's events into `out`.
 * With 0 epochs the untrained net is written. The same options, seed, images and engine give the same weights, also
 * across interruptions.
 *
 * @throws UsageError for wrong options; VerydeepError when training diverges or results cannot be written
 */
export const train = async (run: TrainingRun, options: TrainingOptions): Promise<TrainingResult> => {
  checkTraining(options);
  const heads: Heads = {
    classes: options.classes.length,
    superclasses: options.superclasses.length,
    superclassWeight: options.superclassWeight,
  };
  const checkpoint = await resumed(run, options);
  let model: Model | undefined;
  let log: TrainingLog | undefined;
  let events: EventFile | undefined;
  try {
    const state = checkpoint?.header.state ?? startState;
    const input = checkpoint?.header.input ?? options.input;
    model = await Model.create(
      run.tf,
      options.net,
      heads,
      new Map(Object.entries(options.factors)),
      checkpoint?.weight ?? initialSource(run, options),
      checkpoint?.velocity,
    );
    log = await TrainingLog.open(run.out, state.step);
    events = await EventFile.create(run.out, state.step);
    const trainer = new Trainer(run, { ...options, input }, model, log, events, state);
    while (trainer.state.epoch < options.schedule.epochs && !trainer.state.schedule.finished) {
      if (!(await trainer.epoch())) {
        const { history, step, skipped } = trainer.state;
        return { history, step, skipped, interrupted: true };
      }
    }
    const backbone = join(run.out, 'backbone.safetensors');
    await writeHistory(run.out, trainer.state.history);
    await writeReport(run.out, options, trainer.state.history);
    await saveBackbone(backbone, metadataOf({ ...options, input }, trainer.state), (name) =>
      (model as Model).read(name),
    );
    const { history, step, skipped } = trainer.state;
    return { backbone, history, step, skipped, interrupted: false };
  } finally {
    model?.dispose();
    await log?.close();
    await events?.close();
    await checkpoint?.close();
  }
};

const metadataOf = (options: TrainingOptions, state: TrainingState) => {
  const { net, classes, superclasses, input } = options;
  const last = state.history.at(-1);
  return {
    format: 1 as const,
    architecture: net,
    input,
    classes,
    ...(superclasses.length > 0 && { superclasses }),
    training: {
      ...fingerprint(options),
      epochs: state.epoch,
      steps: state.step,
      ...(last?.validationTop1Error !== undefined && { validationTop1Error: last.validationTop1Error }),
    },
  };
};
