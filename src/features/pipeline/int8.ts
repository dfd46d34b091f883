// Prepares an int8 extraction: quantises the nets on images of the data set and checks their fidelity.
import { existsSync } from 'node:fs';
import type { Backbone } from '../../backbone/nets/backbone.js';
import { calibrate } from '../../backbone/int8/calibration.js';
import { type WeightBits, writeQuantised } from '../../backbone/int8/quantise.js';
import { int8Support } from '../../backbone/int8/vnni.js';
import type { Item } from '../../datasets/dataset.js';
import { UsageError, option, text } from '../../errors.js';
import { sha256OfFile, writeFileAtomically } from '../../io/files.js';
import type { OnProgress } from '../../progress.js';
import { type Note, noteFile, quantisedPaths, readNote } from './int8-cache.js';
import { checkPreparation, sizeOfExtraction } from './fit.js';
import { type Fidelity, measureFidelity, passes } from './int8-fidelity.js';
import {
  type Sample,
  calibratingOf,
  calibrationKey,
  calibrationViews,
  expectedSample,
  sampleKey,
  sampleOf,
} from './int8-sample.js';
import type { Recipe } from '../recipe/recipe.js';

/** Options of the preparation. */
export interface Int8Options {
  /** The calibration set. Default: drawn from the images to describe. */
  readonly calibration?: readonly Item[];
  /** Size of the calibration set. Default: 24. Half as many more measure the fidelity. */
  readonly calibrationImages?: number;
  /** Use int8 even if it fails the fidelity check. */
  readonly allowLowFidelity?: boolean;
  /** Bits of a weight. Default: depends on the processor. */
  readonly bits?: WeightBits;
}

/** The quantised nets, one file each. */
export interface PreparedInt8 {
  readonly files: readonly string[];
  /** SHA-256 of each file. */
  readonly hashes: readonly string[];
  readonly bits: WeightBits;
  readonly fidelity: Fidelity;
  /** Whether the fidelity passes the check. */
  readonly accepted: boolean;
}

interface Int8Context {
  readonly recipe: Recipe;
  readonly inputSize: number;
  readonly threads: number;
  readonly onProgress?: OnProgress | undefined;
}

/** Writes missing quantised nets. */
const quantise = async (
  backbones: readonly Backbone[],
  files: readonly string[],
  samples: readonly Sample[],
  calibration: string,
  bits: WeightBits,
  { recipe, threads, onProgress }: Int8Context,
): Promise<void> => {
  for (const [i, backbone] of backbones.entries()) {
    const path = files[i]!;
    if (existsSync(path)) continue;
    const ranges = calibrate(backbone, calibrationViews(samples, recipe), threads, onProgress);
    const source = await backbone.sha256();
    await writeQuantised(path, backbone, { format: 1, source, bits, ranges, calibration });
  }
};

/**
 * Results of an earlier run for the same sample, found by reading the images without decoding them: computing
 * views of dozens of images takes seconds and most of the run's memory.
 */
const foundPrepared = async (
  backbones: readonly Backbone[],
  keys: readonly string[],
  calibrationImages: number,
  bits: WeightBits,
  out: string,
  { recipe }: Int8Context,
): Promise<PreparedInt8 | undefined> => {
  const calibrating = keys.slice(0, calibratingOf(keys.length, calibrationImages));
  const files = await quantisedPaths(backbones, calibrationKey(calibrating, recipe), bits, out);
  if (keys.length === 0 || !files.every((file) => existsSync(file))) return undefined;
  const hashes = await Promise.all(files.map(sha256OfFile));
  const note = await readNote(noteFile(recipe, files, hashes));
  if (note?.sample !== sampleKey(keys)) return undefined;
  const { fidelity } = note;
  return { files, hashes, bits, fidelity, accepted: passes(fidelity) };
};

/**
 * Quantises the nets of an int8 recipe, or finds them in the cache, and measures the fidelity on held-out
 * images.
 *
 * @param items images to describe; the calibration set is drawn from them unless one is given
 * @param out folder of the cache if the backbone's folder is not writable
 * @throws UsageError if no image can be used
 */
export const prepareInt8 = async (
  backbones: readonly Backbone[],
  items: readonly Item[],
  out: string,
  context: Int8Context,
  { calibration: given, calibrationImages = 24, bits = int8Support().bits }: Int8Options = {},
): Promise<PreparedInt8> => {
  const { recipe } = context;
  const from = given ?? items;
  const count = calibrationImages + Math.max(1, Math.floor(calibrationImages / 2));
  const expected = await expectedSample(from, count, context);
  const found = await foundPrepared(backbones, expected, calibrationImages, bits, out, context);
  if (found) return found;
  checkPreparation(await sizeOfExtraction(backbones, recipe, context.inputSize, from), recipe, count);

  const samples = await sampleOf(from, count, context);
  if (samples.length < 2) {
    throw new UsageError(
      text`Expected at least 2 calibration images for ${option('precision')} int8, but fewer could be read.`,
    );
  }
  const used = calibratingOf(samples.length, calibrationImages);
  const keys = samples.map(({ key }) => key);
  const calibration = calibrationKey(keys.slice(0, used), recipe);
  const files = await quantisedPaths(backbones, calibration, bits, out);
  await quantise(backbones, files, samples.slice(0, used), calibration, bits, context);
  const hashes = await Promise.all(files.map(sha256OfFile));
  const path = noteFile(recipe, files, hashes);
  const fidelity =
    (await readNote(path))?.fidelity ??
    (await measureFidelity(backbones, files, samples.slice(used), recipe, context.threads));
  const note: Note = { fidelity, sample: sampleKey(keys) };
  await writeFileAtomically(path, `${JSON.stringify(note)}\n`);
  return { files, hashes, bits, fidelity, accepted: passes(fidelity) };
};
