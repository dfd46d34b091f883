// Training from settings and examples to a backbone file; resumes from a checkpoint.
import { join } from 'node:path';
import { option, text } from '../../errors.js';
import { refusal } from '../../io/work.js';
import { saveBackbone } from '../nets/backbone.js';
import { digestSet } from '../nets/digests.js';
import { type Seen, nothingSeen, uniteSeen } from '../nets/seen.js';
import { type Checkpoint, type CheckpointHeader, openCheckpoint, startState } from './checkpoint.js';
import { type Communicator, fromFirst } from '../../engine/communicator/communicator.js';
import type { TrainingResult } from './outcome.js';
import { initialWeights } from '../nets/initialisation.js';
import { normalisedLayersOf, scaleOf } from '../nets/batch-norm.js';
import { tensorsOf } from '../nets/layout.js';
import type { Heads } from './loss.js';
import { Model, type Source } from './model.js';
import type { StoredTensors } from './parameters.js';
import { Teacher } from './teacher.js';
import { sharedDigests } from './shared-digests.js';
import { EventFile } from './tensorboard.js';
import { TrainingLog } from './log.js';
import { type RankRun, Trainer, type TrainingRun } from './loop.js';
import { single } from '../../engine/communicator/single.js';
import { recipeRecord, recordsDiffer } from './recipe-record.js';
import { metadataOf, writeHistory, writeReport } from './results.js';
import { type TrainingSettings, checkSettings } from './settings.js';

export type { TrainingRun } from './loop.js';

const resumed = async (run: RankRun, settings: TrainingSettings): Promise<Checkpoint | undefined> => {
  const checkpoint = run.resume && run.communicator.rank === 0 ? await openCheckpoint(run.out) : undefined;
  if (!checkpoint) return undefined;
  const { microBatch, net } = settings;
  // Another machine may have memory for fewer images at once: the steps are the same, but for batch normalisation.
  const before = { ...checkpoint.header.options, ...(!net.batchNorm && { microBatch }) };
  const difference = recordsDiffer(before, recipeRecord(settings));
  if (difference === undefined) return checkpoint;
  await checkpoint.close();
  throw refusal(text`The run in ${run.out} given for ${option('out')}`, difference);
};

const initialSource = (run: TrainingRun, settings: TrainingSettings): Source => {
  const layers = new Map(tensorsOf(settings.net).map((entry) => [entry.name, entry]));
  const scales = new Map(normalisedLayersOf(settings.net).map((layer) => [scaleOf(layer), layer]));
  const fresh = new Set(normalisedLayersOf(settings.net).map(({ name }) => `${name}.bias`));
  return async (name) => {
    const scale = scales.get(name);
    if (scale) return new Float32Array(scale.outputs).fill(1);
    // A bias in the initial net is not the shift of a normalisation.
    const given = fresh.has(name) ? undefined : await run.initial?.(name);
    if (given) return given;
    const { layer, bias } = layers.get(name)!;
    const { init, seed, initStd } = settings;
    return bias ? new Float32Array(layer.outputs) : initialWeights(layer, init, seed, initStd);
  };
};

/** A reader of tensors that only rank 0 needs to have: it gives them to the others. */
const shared =
  (communicator: Communicator, read: StoredTensors): StoredTensors =>
  async (name) => {
    if (communicator.size === 1) return read(name);
    const own = communicator.rank === 0 ? await read(name) : undefined;
    const length = await fromFirst(communicator, () => own?.length);
    if (length === undefined) return undefined;
    const data = own ?? new Float32Array(length);
    await communicator.broadcast(data);
    return data;
  };

/** What ranks other than 0 log. */
const nothing = {
  write: () => Promise.resolve(),
  writeTimes: () => Promise.resolve(),
  scalars: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** The images that the net has seen: for an untrained net, only those of the initial net. */
const seenBy = async (run: RankRun, settings: TrainingSettings, steps: number): Promise<Seen> => {
  const before = [
    ...(settings.initialisedFrom ? [run.before] : []),
    ...(run.teacher && steps > 0 ? [await run.teacher.seen()] : []),
  ];
  if (steps === 0) return uniteSeen([nothingSeen, ...before]);
  const training = digestSet(await sharedDigests(run.loader, run.communicator, run.train));
  const validation = digestSet(await sharedDigests(run.loader, run.communicator, run.validation));
  return uniteSeen([{ training, validation, incomplete: false }, ...before]);
};

/**
 * Trains a net and writes `backbone.safetensors`, `checkpoint.safetensors`, `log.jsonl`, `history.json`, `report.html` and
 * TensorBoard's events into `out`.
 * With 0 epochs the untrained net is written. The same settings, seed, images and engine give the same weights, also
 * across interruptions.
 *
 * @throws UsageError for wrong options; VerydeepError when training diverges or results cannot be written
 */
export const train = async (given: TrainingRun, settings: TrainingSettings): Promise<TrainingResult> => {
  const run = { communicator: single, ...given };
  checkSettings(settings);
  const heads: Heads = {
    classes: settings.classes.length,
    superclasses: settings.superclasses.length,
    superclassLoss: settings.superclassLoss,
    labelSmoothing: settings.labelSmoothing,
    ...(settings.boxes && { boxes: settings.boxes }),
  };
  const { communicator } = run;
  const isFirst = communicator.rank === 0;
  const checkpoint = await resumed(run, settings);
  let model: Model | undefined;
  let teacher: Teacher | undefined;
  let log: Pick<TrainingLog, 'write' | 'writeTimes' | 'close'> | undefined;
  let events: Pick<EventFile, 'scalars' | 'close'> | undefined;
  try {
    const header = await fromFirst<CheckpointHeader | undefined>(communicator, () => checkpoint?.header);
    const state = header?.state ?? startState;
    const input = header?.input ?? settings.input;
    const initial = initialSource(run, settings);
    const stored = shared(communicator, async (name) => checkpoint?.stored(name));
    model = await Model.create(
      run.tf,
      settings.net,
      heads,
      new Map(Object.entries(settings.factors)),
      async (name) => (await shared(communicator, async (own) => initial(own))(name))!,
      stored,
    );
    teacher =
      run.teacher && (await Teacher.create(run.tf, run.teacher, settings, input, settings.classes.length));
    log = isFirst ? await TrainingLog.open(run.out, state.step) : nothing;
    events = isFirst ? await EventFile.create(run.out, state.step) : nothing;
    const trainer = new Trainer(run, { ...settings, input }, model, log, events, state, teacher);
    while (trainer.state.epoch < settings.epochs && !trainer.state.schedule.finished) {
      if (!(await trainer.epoch())) {
        const { history, step, skipped } = trainer.state;
        return { history, step, skipped, interrupted: true };
      }
    }
    const backbone = join(run.out, 'backbone.safetensors');
    const { history, step, skipped } = trainer.state;
    const seen = await seenBy(run, settings, step);
    if (isFirst) {
      await writeHistory(run.out, trainer.state.history);
      await writeReport(run.out, settings, trainer.state.history);
      await model.reading((read) =>
        saveBackbone(backbone, metadataOf({ ...settings, input }, trainer.state), read, seen),
      );
    }
    return { backbone, history, step, skipped, interrupted: false };
  } finally {
    model?.dispose();
    teacher?.dispose();
    await log?.close();
    await events?.close();
    await checkpoint?.close();
  }
};
