// Checkpoints: weights, velocities and training state in one safetensors file, so that they always match.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import { type Stored, fromStored, toStored } from '../../stored.js';
import type { Skipped } from '../../progress.js';
import type { InputNormalisation } from '../nets/backbone.js';
import type { EpochFigures, EpochRecord, EpochTimes } from './outcome.js';
import { readTimes } from './log.js';
import type { Parameters, StoredTensors } from './parameters.js';
import { openSafetensors, writeSafetensors } from '../../formats/safetensors.js';
import { type ScheduleState, initialScheduleState } from './schedule.js';

/** Sums over the images of the current epoch. */
export interface EpochSums {
  readonly loss: number;
  readonly images: number;
  /** What the objective counts: images that are right, overlaps. */
  readonly [count: string]: number;
}

/** The training state, as plain data. The random streams follow from seed, epoch and step. */
export interface TrainingState {
  /** Updates since the start. */
  readonly step: number;
  /** The current epoch, counted from 0, and the steps done in it. */
  readonly epoch: number;
  readonly stepInEpoch: number;
  readonly schedule: ScheduleState;
  readonly sums: EpochSums;
  readonly history: readonly EpochRecord[];
  readonly skipped: readonly Skipped[];
}

export const noSums: EpochSums = { loss: 0, images: 0 };

/** The state before the first step. */
export const startState: TrainingState = {
  step: 0,
  epoch: 0,
  stepInEpoch: 0,
  schedule: initialScheduleState,
  sums: noSums,
  history: [],
  skipped: [],
};

/** A checkpoint's metadata. */
export interface CheckpointHeader {
  readonly format: 1;
  readonly state: TrainingState;
  readonly input: InputNormalisation;
  /** The options that must be the same in a resumed run. */
  readonly options: Readonly<Record<string, unknown>>;
}

const checkpointPath = (out: string): string => join(out, 'checkpoint.safetensors');

const timeKeys = new Set<string>([
  'seconds',
  'waiting',
  'imagesPerSecond',
  'communication',
] satisfies (keyof EpochTimes)[]);

/** An epoch without its times: a checkpoint holds nothing of the clock, so that the same run has the same bytes. */
const figuresOf = (record: EpochRecord): EpochFigures =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !timeKeys.has(key))) as unknown as EpochFigures;

/** Writes the checkpoint in `out`; replaces the previous one atomically. */
export const writeCheckpoint = (
  out: string,
  parameters: Pick<Parameters, 'entries'>,
  header: CheckpointHeader,
): Promise<void> => {
  const state = { ...header.state, history: header.state.history.map(figuresOf) };
  const stored = { ...header, state, input: toStored(header.input) };
  const metadata = { verydeepTraining: JSON.stringify(stored) };
  return writeSafetensors(checkpointPath(out), metadata, parameters.entries());
};

/** Of epochs whose times were lost. */
const unknownTimes: EpochTimes = { seconds: 0, waiting: 0, imagesPerSecond: 0 };

export interface Checkpoint {
  readonly header: CheckpointHeader;
  readonly stored: StoredTensors;
  readonly close: () => Promise<void>;
}

/**
 * Opens the checkpoint in `out`; undefined if there is none. @throws UsageError when the file is not a
 * checkpoint
 */
export const openCheckpoint = async (out: string): Promise<Checkpoint | undefined> => {
  const path = checkpointPath(out);
  try {
    await access(path);
  } catch {
    return undefined;
  }
  const file = await openSafetensors(path);
  const text = file.metadata['verydeepTraining'];
  if (text === undefined) {
    await file.close();
    throw new UsageError(`Expected a training checkpoint in ${path} but it has no training state.`);
  }
  const header = JSON.parse(text) as CheckpointHeader & { readonly input: Stored<InputNormalisation> };
  const times = await readTimes(out);
  const history = header.state.history.map((record): EpochRecord => ({
    ...record, // First and last: for the order of the keys, and for files of version 0.2 that hold the times.
    ...unknownTimes,
    ...times.get(record.epoch),
    ...record,
  }));
  return {
    header: {
      ...header,
      state: { ...header.state, history },
      input: fromStored<InputNormalisation>(header.input),
    },
    stored: async (name) => (file.tensors.has(name) ? file.read(name) : undefined),
    close: () => file.close(),
  };
};

/** The micro-batch of the run whose checkpoint is in `out`; undefined if there is none. */
export const recordedMicroBatch = async (out: string): Promise<number | undefined> => {
  const checkpoint = await openCheckpoint(out);
  if (!checkpoint) return undefined;
  await checkpoint.close();
  const recorded = checkpoint.header.options['microBatch'];
  return typeof recorded === 'number' ? recorded : undefined;
};
