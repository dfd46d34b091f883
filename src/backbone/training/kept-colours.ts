// Colours of a training set that were measured before: in a file, beside the run, or in the cache by a hash of the images and of how they
// were measured.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../checks.js';
import { fromFirst } from '../../engine/communicator/communicator.js';
import { single } from '../../engine/communicator/single.js';
import { VerydeepError, expected, messageOf, option } from '../../errors.js';
import { cacheFolder } from '../../io/cache.js';
import { makeFolder, writeFileAtomically } from '../../io/files.js';
import { requireFile } from '../../io/readable.js';
import { type MeasureOptions, type MeasuredImage, measurePixels } from './measure-pixels.js';
import type { PixelStatistics } from './pixel-statistics.js';

/** Changes when other numbers come out of the same images. */
const FORMAT = 1;
/** Files whose size and time are read at once. */
const AT_ONCE = 64;

/** Size and modification time of each file, as text; of a missing one, that it is. */
const fileStates = async (files: readonly string[]): Promise<Map<string, string>> => {
  const states = new Map<string, string>();
  for (let i = 0; i < files.length; i += AT_ONCE) {
    const some = files.slice(i, i + AT_ONCE).map(async (file) => {
      const state = await stat(file).then(
        ({ size, mtimeMs }) => `${size}:${mtimeMs}`,
        () => 'missing',
      );
      states.set(file, state);
    });
    await Promise.all(some);
  }
  return states;
};

/**
 * A hash of a set of images and of how their colours are measured. It changes with a file's size or modification time, not with the
 * folder that the set lies in.
 */
const hashOf = async (
  images: readonly MeasuredImage[],
  { trainSide: [low, high], interpolation, orient = false }: MeasureOptions,
): Promise<string> => {
  const states = await fileStates([...new Set(images.map(({ source }) => source.file))]);
  const hash = createHash('sha256');
  hash.update(JSON.stringify([FORMAT, Math.round((low + high) / 2), interpolation, orient]));
  for (const { id, source } of images)
    hash.update(JSON.stringify([id, states.get(source.file), source.slice, source.pixels]));
  return hash.digest('hex');
};

const isTriple = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 3 && value.every((x) => Number.isFinite(x));

/** Whether a value has the numbers that training needs. */
const isStatistics = (value: unknown): value is PixelStatistics => {
  if (!isRecord(value)) return false;
  const { mean, std, spread, axes } = value;
  return (
    [mean, std, spread].every(isTriple) && Array.isArray(axes) && axes.length === 3 && axes.every(isTriple)
  );
};

const read = async (file: string): Promise<PixelStatistics | undefined> => {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isStatistics(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The colours of images: from the cache, or by `measure`, and then kept there. Works without a cache if it cannot be written.
 *
 * @param cache default `colours` in {@link cacheFolder}
 */
export const cachedColours = async (
  images: readonly MeasuredImage[],
  options: MeasureOptions,
  measure: () => Promise<PixelStatistics>,
  cache = join(cacheFolder(), 'colours'),
): Promise<PixelStatistics> => {
  const { communicator = single } = options;
  const isFirst = communicator.rank === 0;
  const file = isFirst ? join(cache, `${await hashOf(images, options)}.json`) : '';
  const kept = await fromFirst(communicator, () => read(file));
  if (kept) return kept;
  const measured = await measure();
  if (!isFirst) return measured;
  try {
    await makeFolder(cache, 'VERYDEEP_CACHE');
    await writeFileAtomically(file, JSON.stringify(measured));
  } catch (error) {
    if (!(error instanceof VerydeepError)) throw error;
  }
  return measured;
};

/**
 * Reads statistics written by a run or by `verydeep datasets stats`.
 *
 * @throws UsageError naming the file: missing, a folder, no JSON, or without these numbers
 */
export const readStatistics = async (path: string): Promise<PixelStatistics> => {
  requireFile(path, { what: 'pixel statistics', where: option('statistics'), inside: ['statistics.json'] });
  const advice = 'Make one with `verydeep datasets stats`.';
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw expected('pixel statistics in JSON', path, messageOf(error), advice);
  }
  if (isStatistics(value)) return value;
  throw expected('pixel statistics (mean, std, spread, axes)', path, Object.keys(value ?? {}), advice);
};

/** The statistics of a run: read from `out`/statistics.json, or from the cache, or measured now; written to both. */
export const measuredStatistics = async (
  images: readonly MeasuredImage[],
  out: string,
  options: MeasureOptions,
): Promise<PixelStatistics> => {
  const { communicator = single } = options;
  const path = join(out, 'statistics.json');
  const known = await fromFirst(communicator, async () =>
    existsSync(path) ? readStatistics(path) : undefined,
  );
  if (known) return known;
  const measure = async () => (await measurePixels(images, options)).statistics;
  const statistics = await cachedColours(images, options, measure);
  if (communicator.rank === 0) await writeFileAtomically(path, `${JSON.stringify(statistics, null, 2)}\n`);
  return statistics;
};
