// Reads a training set once to measure its colours, and keeps the result beside the run.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, VerydeepError, codeOf, messageOf } from '../../errors.js';
import { writeFileAtomically } from '../../io/files.js';
import type { OnProgress } from '../../progress.js';
import type { Example, Loader } from './loader.js';
import { type PixelStatistics, addImage, emptySums, statisticsOf } from './pixel-statistics.js';

/**
 * Measures images scaled to the smallest side S (the middle of a jittered range). Unreadable images are passed over.
 *
 * @param signal stops it at once, and closes the loader
 * @throws VerydeepError when no image can be read; the signal's reason when it stops
 */
export const measurePixels = async (
  loader: Loader,
  examples: readonly Example[],
  [low, high]: readonly [number, number],
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<PixelStatistics> => {
  const draw = { side: Math.round((low + high) / 2), x: 0.5, y: 0.5, flip: false, shift: [0, 0, 0] as const };
  const presentations = examples.map((example) => ({
    example,
    draw: { ...draw, shift: [0, 0, 0] as [number, number, number] },
  }));
  const sums = emptySums();
  let [images, done] = [0, 0];
  const tell = () => onProgress?.({ task: 'measure', done, total: examples.length, unit: 'images' });
  const stop = (): void => void loader.close(); // Images that are on their way are given up.
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    tell();
    for await (const { image } of loader.images(presentations, low === high)) {
      signal?.throwIfAborted();
      done++;
      if (image) {
        addImage(sums, image);
        images++;
      }
      if (done % 64 === 0 || done === examples.length) tell();
    }
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  if (images === 0) throw new VerydeepError('None of the training images can be read.');
  return statisticsOf(sums, images);
};

/** Reads statistics that were written by a run or by `verydeep datasets stats`. */
export const readStatistics = async (path: string): Promise<PixelStatistics> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as PixelStatistics;
  } catch (error) {
    throw new UsageError(`Cannot read the pixel statistics ${path}: ${messageOf(error)}.`);
  }
};

/** The statistics of a run: those it measured before, or measured now and written to `out`/statistics.json. */
export const measuredStatistics = async (
  loader: Loader,
  examples: readonly Example[],
  {
    sides,
    out,
    onProgress,
    signal,
  }: {
    readonly sides: readonly [number, number];
    readonly out: string;
    readonly onProgress?: OnProgress | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<PixelStatistics> => {
  const path = join(out, 'statistics.json');
  try {
    await readFile(path);
    return await readStatistics(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const statistics = await measurePixels(loader, examples, sides, onProgress, signal);
  await writeFileAtomically(path, `${JSON.stringify(statistics, null, 2)}\n`);
  return statistics;
};
