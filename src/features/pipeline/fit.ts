// Fits an extraction into the memory that is free: fewer workers, or a refusal before anything is loaded.
import { classCount } from '../../backbone/nets/graph.js';
import type { Backbone } from '../../backbone/nets/backbone.js';
import { namedLayers } from '../../backbone/nets/layer-names.js';
import { type Message, UsageError, VerydeepError, option, text } from '../../errors.js';
import { type FreeMemory, type Need, freeMemory, gigabytes, listed, totalOf } from '../../memory.js';
import type { Recipe } from '../recipe/recipe.js';
import { usesBoxes } from '../store/list.js';
import {
  type ComputedNet,
  type ExpectedPicture,
  type ExtractionSize,
  activationBytes,
  calibrationNeeds,
  expectedImage,
  expectedViews,
  extractionNeeds,
} from './memory.js';

/** Share of the free memory that is taken without being asked: reckoning is not exact, and others want memory too. */
const SHARE = 0.9;

/** The pictures of an extraction, and bytes that are needed besides. */
export interface Expectation {
  readonly pictures: readonly ExpectedPicture[];
  readonly besides?: number;
}

/** The size of an extraction with one worker. */
export const sizeOfExtraction = async (
  backbones: readonly Backbone[],
  recipe: Recipe,
  inputSize: number,
  pictures: Expectation['pictures'],
): Promise<ExtractionSize> => ({
  nets: backbones.map((backbone): ComputedNet => {
    const { architecture } = backbone.metadata;
    return { architecture, layers: namedLayers(architecture, recipe.layers, classCount(backbone)).needed };
  }),
  precision: recipe.precision,
  flip: recipe.flip,
  workers: 1,
  ...expectedViews(recipe, inputSize, await expectedImage(pictures, usesBoxes(recipe))),
});

const lacking = (needs: readonly Need[], { bytes, source }: FreeMemory): Message =>
  `needs ${gigabytes(totalOf(needs))} GB of memory (${listed(needs)}), but ${gigabytes(bytes)} GB are free (${source})`;

/** What makes the largest view smaller. int8 does not: it is calibrated in fp32. */
const smallerViews = ({ maxSide, region }: Recipe): Message => {
  if (region === 'crops') return 'Free memory';
  return maxSide === undefined
    ? text`Give smaller ${option('scales')}`
    : text`Give smaller ${option('scales')} or ${option('maxSide')}`;
};

/**
 * How many workers memory suffices for.
 *
 * @param given the number that was asked for; undefined for the usual one, which may be lowered
 * @throws UsageError saying what is needed and free, and what to give instead
 */
export const fitWorkers = (
  size: ExtractionSize,
  { usual, given }: { readonly usual: number; readonly given?: number | undefined },
  recipe: Recipe,
  besides = 0,
  free = freeMemory(),
): number => {
  const needsOf = (workers: number): Need[] => [
    ...extractionNeeds({ ...size, workers }),
    ...(besides > 0 ? [['other nets', besides] as const] : []),
  ];
  const fits = (workers: number, share: number): boolean => totalOf(needsOf(workers)) <= share * free.bytes;
  let workers = usual;
  while (workers > 1 && !fits(workers, SHARE)) workers--;
  if (given !== undefined && fits(given, 1)) return given;
  if (given !== undefined && fits(workers, 1)) {
    throw new UsageError(
      text`${option('workers')} ${given} ${lacking(needsOf(given), free)}. Give ${option('workers')} ${Math.min(workers, given - 1)}.`,
    );
  }
  if (fits(workers, 1)) return workers;
  throw new UsageError(
    text`Describing images of up to ${(size.viewPixels / 1e6).toFixed(1)} megapixels ${lacking(needsOf(1), free)}. ${smallerViews(recipe)}.`,
  );
};

/** Says that memory suffices for fewer workers than usual. */
export const fewerWorkers = (workers: number, usual: number): string =>
  `${workers} ${workers === 1 ? 'worker' : 'workers'} instead of ${usual}: memory does not suffice for more.`;

/**
 * Throws if memory does not suffice to calibrate an int8 recipe and to measure its fidelity, which runs the nets in fp32.
 *
 * @throws UsageError
 */
export const checkPreparation = (
  size: ExtractionSize,
  recipe: Recipe,
  images: number,
  free = freeMemory(),
): void => {
  const inFull = extractionNeeds({ ...size, precision: 'fp32', workers: 1 });
  const calibrating = calibrationNeeds(size, images);
  const needs = totalOf(inFull) > totalOf(calibrating) ? inFull : calibrating;
  if (totalOf(needs) <= free.bytes) return;
  throw new UsageError(
    text`Calibrating ${option('precision')} int8 ${lacking(needs, free)}. ${smallerViews(recipe)}, or calibrate where more is free: the result is kept beside the backbone in .int8/.`,
  );
};

/**
 * Throws if an image is larger than those that were expected, and memory does not suffice for it now.
 *
 * @param pixels of the image's largest view
 * @throws VerydeepError that names the image
 */
export const checkView = (size: ExtractionSize, recipe: Recipe, pixels: number, path: string): void => {
  if (pixels <= size.viewPixels) return;
  const needs: Need[] = [['activations', activationBytes(size, pixels)]];
  const free = freeMemory();
  if (totalOf(needs) <= free.bytes) return;
  throw new VerydeepError(
    text`${path}, ${(pixels / 1e6).toFixed(1)} megapixels after scaling, ${lacking(needs, free)}. ${smallerViews(recipe)}, leave the image out, or continue with ${option('resume')} where more is free.`,
  );
};
