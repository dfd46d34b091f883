// Reads a training set once to measure its colours.
import { VerydeepError } from '../../errors.js';
import type { Interpolation } from '../../interpolation.js';
import type { ByteSource } from '../../images/source.js';
import type { OnProgress, Skipped } from '../../progress.js';
import type { Communicator } from '../../engine/communicator/communicator.js';
import { single } from '../../engine/communicator/single.js';
import { imageThreads } from './image-pool.js';
import { type PixelStatistics, addSums, emptySums, statisticsOf } from './pixel-statistics.js';

/** An image to measure. */
export interface MeasuredImage {
  readonly id: string;
  readonly path: string;
  readonly source: ByteSource;
}

export interface MeasureOptions {
  /** Smallest sides to which training scales images; colours are measured at the middle of the range. */
  readonly trainSide: readonly [number, number];
  readonly interpolation: Interpolation;
  /** Rotate images by their EXIF orientation. */
  readonly orient?: boolean | undefined;
  /** Worker threads. */
  readonly workers: number;
  readonly onProgress?: OnProgress | undefined;
  /** The ranks that measure a share each; default: this process alone. */
  readonly communicator?: Communicator | undefined;
  /** Stops the measurement at once. */
  readonly signal?: AbortSignal | undefined;
}

/** The statistics of the readable images, and the unreadable ones. */
interface Measured {
  readonly statistics: PixelStatistics;
  readonly skipped: readonly Skipped[];
}

/** Images in one task of a thread. */
const BLOCK = 16;

/**
 * Measures the colours of images in worker threads. Unreadable images are skipped.
 *
 * @throws VerydeepError when no image can be read; the signal's reason when aborted
 */
export const measurePixels = async (
  all: readonly MeasuredImage[],
  {
    trainSide: [low, high],
    interpolation,
    orient,
    workers,
    communicator = single,
    onProgress,
    signal,
  }: MeasureOptions,
): Promise<Measured> => {
  const { rank, size } = communicator;
  const own = all.flatMap((_, i) => (i % size === rank ? [i] : []));
  const images = own.map((i) => all[i]!);
  const side = Math.round((low + high) / 2);
  const sums = emptySums();
  const unreadable = new Map<number, string>();
  let [next, done] = [0, 0];
  const tell = () => onProgress?.({ task: 'measure', done, total: images.length, unit: 'images' });
  signal?.throwIfAborted();
  const threads = imageThreads(workers);
  const stop = (): void => void threads.close(); // Images in progress are abandoned.
  signal?.addEventListener('abort', stop, { once: true });
  const work = async (): Promise<void> => {
    for (let from = next; from < images.length; from = next) {
      next += BLOCK;
      const block = images.slice(from, next).map(({ path, source }) => ({ path, source }));
      const measured = await threads.run('colours', { images: block, interpolation, orient, side });
      addSums(sums, measured.sums);
      for (const { index, reason } of measured.unreadable) unreadable.set(from + index, reason);
      done += block.length;
      tell();
    }
  };
  try {
    tell();
    // Two tasks for each thread, so that no thread waits.
    await Promise.all(Array.from({ length: 2 * workers }, work));
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await threads.close();
  }
  const shares = await communicator.gather({
    sums,
    unreadable: [...unreadable].map(([i, reason]) => [own[i]!, reason] as const),
  });
  const total = emptySums();
  for (const share of shares) addSums(total, share.sums);
  const reasons = new Map(shares.flatMap((share) => share.unreadable));
  const readable = all.length - reasons.size;
  if (readable === 0) throw new VerydeepError('None of the training images can be read.');
  return {
    statistics: statisticsOf(total, readable),
    skipped: all.flatMap(({ id, path }, i) => {
      const reason = reasons.get(i);
      return reason === undefined ? [] : [{ id, path, reason }];
    }),
  };
};
