// How many images go through the net at once: as many as memory allows, or the number that was asked for if memory suffices for it.
import type { Engine } from '../../engine/engine.js';
import { OnnxRuntimeBackend } from '../../engine/onnxruntime/backend.js';
import { UsageError, option, text } from '../../errors.js';
import { type FreeMemory, type Need, freeMemory, gigabytes, listed, totalOf } from '../../memory.js';
import { type Communicator, fromFirst } from '../../engine/communicator/communicator.js';
import type { Architecture } from '../nets/architecture.js';
import { recordedMicroBatch } from './checkpoint.js';
import { trainingNeeds } from './memory.js';
import type { TrainingOptions } from './options.js';
import { checkShares, evenMicroBatches } from './rank-share.js';
import { heldGradients } from './step-gradients.js';

/** What the choice depends on. */
export interface MicroBatchChoice {
  /** The number that was asked for, by the user or by the run that is resumed. */
  readonly wanted: number | 'auto';
  /** Whether it is that of the run that is resumed. */
  readonly isRecorded?: boolean;
  /** Images per step. */
  readonly batch: number;
  /** The numbers that can be chosen, the preferred first; default: any, as nearly even parts of the batch. */
  readonly possible?: readonly number[];
  /** What another number than the one that was wanted changes, if it is more than the last bits. */
  readonly caution?: string;
  /** The memory that a run needs with so many images in the net at once. */
  readonly needsOf: (microBatch: number) => readonly Need[];
  readonly free: FreeMemory;
}

/** The micro-batch, and the bytes that it needs. */
export interface MicroBatch {
  readonly images: number;
  readonly bytes: number;
}

/** Share of the free memory that is taken without being asked: reckoning is not exact, and others want memory too. */
const SHARE = 0.9;

/**
 * The largest number from 1 to `batch` that fits, as nearly even parts of the batch: the largest that divides it, if that
 * is at least half of what fits. Undefined if not even 1 fits.
 */
export const largestEven = (batch: number, fits: (images: number) => boolean): number | undefined => {
  if (fits(batch)) return batch;
  if (!fits(1)) return undefined;
  let [most, tooMany] = [1, batch];
  while (tooMany - most > 1) {
    const middle = (most + tooMany) >> 1;
    if (fits(middle)) most = middle;
    else tooMany = middle;
  }
  for (let images = most; 2 * images >= most; images--) if (batch % images === 0) return images;
  return Math.ceil(batch / Math.ceil(batch / most));
};

const free = ({ bytes, source }: FreeMemory): string => `${gigabytes(bytes)} GB are free (${source})`;

/** What to do if nothing fits. */
const remedies = text`Free memory, give less with ${option('cache')}, ${option('prefetch')} or ${option('workers')}, or train a smaller net (${option('width')}, ${option('fullyConnected')}, ${option('inputSize')}).`;

/**
 * The micro-batch of a run.
 *
 * @throws UsageError if memory does not suffice, saying how much is needed and free, and what to give instead
 */
export const chooseMicroBatch = (choice: MicroBatchChoice): MicroBatch => {
  const { wanted, isRecorded = false, batch, needsOf, caution } = choice;
  const bytesOf = (images: number): number => totalOf(needsOf(images));
  const within = (share: number): number | undefined => {
    const fits = (images: number): boolean => bytesOf(images) <= share * choice.free.bytes;
    return choice.possible ? choice.possible.find(fits) : largestEven(batch, fits);
  };
  const best = within(SHARE) ?? within(1);
  const images = wanted === 'auto' ? best : wanted;
  if (images !== undefined) {
    const needs = needsOf(images);
    const bytes = totalOf(needs);
    if (bytes <= choice.free.bytes) return { images, bytes };
    if (best !== undefined) {
      const who = isRecorded
        ? text`The ${option('microBatch')} ${images} of the run to resume`
        : text`${option('microBatch')} ${images}`;
      const how = !isRecorded
        ? text`Give ${option('microBatch')} ${best}.${caution === undefined ? '' : ` ${caution}`}`
        : caution === undefined
          ? text`Free memory, or give ${option('microBatch')} ${best}: the weights will then differ in their last bits from those of a run without interruption.`
          : 'Free memory, or continue where more is free.';
      throw new UsageError(
        text`${who} needs ${gigabytes(bytes)} GB of memory (${listed(needs)}), but ${free(choice.free)}. ${how}`,
      );
    }
  }
  const least = needsOf(1);
  throw new UsageError(
    text`Training this net needs ${gigabytes(totalOf(least))} GB of memory even with ${option('microBatch')} 1 (${listed(least)}), but ${free(choice.free)}. ${remedies}`,
  );
};

/** A run's options, with its net, S and learning-rate factors. */
type RunOptions = Omit<TrainingOptions, 'trainSide'> & {
  readonly net: Architecture;
  readonly trainSide: readonly [number, number];
  readonly factors: Readonly<Record<string, number>>;
  readonly teacherNet?: Architecture;
};

/** The images of a run, by number. */
interface Counts {
  readonly train: number;
  readonly validation: number;
}

/** The memory that a run needs, by its micro-batch; undefined for other engines, which have memory of their own, on a GPU perhaps. */
export const needsOfRun = (
  run: RunOptions,
  { train, validation }: Counts,
  { tf, threads }: Pick<Engine, 'tf' | 'threads'>,
  ranks = 1,
): ((microBatch: number) => Need[]) | undefined => {
  const { batch, net, trainSide, factors, epochs, workers, prefetch, cache } = run;
  const [, high] = trainSide;
  const backend = tf.backend();
  if (!(backend instanceof OnnxRuntimeBackend)) return undefined;
  const facts = {
    ...{ net, threads, workers, averaged: run.averageWeights > 0 },
    ...(run.teacherNet && { teacher: run.teacherNet }),
    nchwcBlock: backend.nchwcBlock,
    isFrozen: (tensor: string) => factors[tensor] === 0,
    cacheBytes: Math.min(cache * 2 ** 20, (train + validation) * 4 * high ** 2),
  };
  return (microBatch) =>
    trainingNeeds({
      ...facts,
      images: epochs === 0 ? 0 : Math.min(microBatch, Math.max(train, validation)),
      heldGradients: heldGradients(
        Math.ceil((ranks > 1 ? batch : Math.min(batch, train)) / microBatch) || 1,
        ranks,
      ),
      // No more batches than there are in an epoch.
      prefetch: Math.min(prefetch, Math.ceil(train / microBatch) - 1),
    });
};

/** The free memory of one of several ranks of a host. */
const shareOf = ({ bytes, source }: FreeMemory, { local }: Communicator): FreeMemory =>
  local.size === 1
    ? { bytes, source }
    : { bytes: bytes / local.size, source: `${source}, for each of ${local.size} ranks` };

/**
 * The micro-batch of a run: the one that was asked for, else that of the run to resume, else as many images as memory
 * allows, which is noted. It is the same for all ranks.
 *
 * @throws UsageError if memory does not suffice, before anything is allocated; or if the ranks cannot share the batch
 */
export const microBatchOf = async (
  options: RunOptions,
  images: Counts,
  engine: Engine,
  communicator: Communicator,
  { out, resume, note }: { out: string; resume: boolean; note?: (text: string) => void },
): Promise<number> => {
  const { batch, microBatch, net } = options;
  const { size } = communicator;
  const recorded = await fromFirst(communicator, () => (resume ? recordedMicroBatch(out) : undefined));
  // Batch normalisation goes by the moments of the images that are in the net at once: there memory does not decide how many.
  const wanted = microBatch === 'auto' ? (recorded ?? (net.batchNorm ? batch : 'auto')) : microBatch;
  const possible = size > 1 ? evenMicroBatches(batch, size) : undefined;
  if (wanted !== 'auto' && wanted > batch) return wanted; // Refused with the other settings.
  if (size > 1) checkShares(batch, wanted === 'auto' ? (possible?.[0] ?? batch) : wanted, size);
  const needsOf = needsOfRun(options, images, engine, size);
  if (!needsOf) return wanted === 'auto' ? (possible?.[0] ?? batch) : wanted;
  const free = shareOf(freeMemory(), communicator);
  const chosen = chooseMicroBatch({
    ...{ wanted, isRecorded: wanted === recorded, batch, needsOf, free },
    ...(possible && { possible }),
    ...(net.batchNorm && { caution: 'Batch normalisation then goes by the moments of so many images.' }),
  });
  const least = (await communicator.gather(chosen.images)).reduce((a, b) => Math.min(a, b));
  if (recorded !== undefined && least !== recorded && !net.batchNorm) {
    note?.(
      `micro-batch ${least}, before ${recorded}: the weights will differ in their last bits from those of a run without interruption.`,
    );
  } else if (microBatch === 'auto')
    note?.(`micro-batch ${least}: ${gigabytes(chosen.bytes)} of ${gigabytes(free.bytes)} GB`);
  return least;
};
