// Training from options and examples to a backbone file: a loop that is resumed where a checkpoint left it.
import { join } from 'node:path';
import { UsageError, option, text } from '../../errors.js';
import { saveBackbone } from '../nets/backbone.js';
import { digestSet } from '../nets/digests.js';
import { type Seen, nothingSeen, uniteSeen } from '../nets/seen.js';
import { type Checkpoint, openCheckpoint, startState } from './checkpoint.js';
import type { TrainingResult } from './outcome.js';
import { initialWeights } from '../nets/initialisation.js';
import { tensorsOf } from '../nets/layout.js';
import type { Heads } from './loss.js';
import { Model, type Source } from './model.js';
import { EventFile } from './tensorboard.js';
import { TrainingLog } from './log.js';
import { Trainer, type TrainingRun } from './loop.js';
import { type TrainingOptions, checkTraining, fingerprint, firstDifference } from './options.js';
import { metadataOf, writeHistory, writeReport } from './results.js';

export type { TrainingRun } from './loop.js';

const resumed = async (run: TrainingRun, options: TrainingOptions): Promise<Checkpoint | undefined> => {
  const checkpoint = run.resume ? await openCheckpoint(run.out) : undefined;
  if (!checkpoint) return undefined;
  const difference = firstDifference(checkpoint.header.options, fingerprint(options));
  if (difference === undefined) return checkpoint;
  await checkpoint.close();
  throw new UsageError(
    text`Expected the options of the run in ${run.out} for ${option('resume')} but received another ${difference}. Give the same options, or another ${option('out')}.`,
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

/** The images that the net has seen: of an untrained net none but those of the net that it starts from. */
const seenBy = async (run: TrainingRun, options: TrainingOptions, steps: number): Promise<Seen> => {
  const before = options.initialisedFrom ? [run.before] : [];
  if (steps === 0) return uniteSeen([nothingSeen, ...before]);
  const training = digestSet(await run.loader.digestsOf(run.train));
  const validation = digestSet(await run.loader.digestsOf(run.validation));
  return uniteSeen([{ training, validation, incomplete: false }, ...before]);
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
    const { history, step, skipped } = trainer.state;
    await saveBackbone(
      backbone,
      metadataOf({ ...options, input }, trainer.state),
      (name) => (model as Model).read(name),
      await seenBy(run, options, step),
    );
    return { backbone, history, step, skipped, interrupted: false };
  } finally {
    model?.dispose();
    await log?.close();
    await events?.close();
    await checkpoint?.close();
  }
};
