// Which images calibrate int8 in a benchmark: training images that no split tests.
import type { Item } from '../../src/datasets/dataset.js';
import { type Message, UsageError, option, text } from '../../src/errors.js';
import type { DrawnSplit } from './caltech.js';
import type { Descriptors } from './descriptors.js';
import { imageOf } from './official.js';

/** Minimum number of images that calibrate and measure int8. */
const LEAST_CALIBRATING = 2;

/**
 * Images that calibrate int8: those that train and that no split tests.
 *
 * @throws UsageError where there are none
 */
export const calibrating = (splits: readonly DrawnSplit[]): Item[] => {
  const tested = new Set(splits.flatMap(({ test }) => test.map(imageOf)));
  const items = new Map(splits.flatMap(({ train }) => train).map((item) => [item.id, item]));
  const free = [...items.values()].filter((item) => !tested.has(imageOf(item)));
  if (free.length >= LEAST_CALIBRATING) return free;
  throw new UsageError(
    text`Expected training images that no split tests, to calibrate ${option('precision')} int8 on, but there are ${free.length}. Give other images with ${option('calibration')}, or fewer ${option('splits')}.`,
  );
};

/**
 * A remark where images that may have calibrated int8 were tested after all: splits are drawn among the images that can
 * be read, and which those are is known only after the extraction.
 */
export const calibratedOnTest = (
  { recipes }: Pick<Descriptors, 'recipes'>,
  planned: readonly DrawnSplit[],
  outcomes: readonly { readonly test: readonly Item[] }[],
): Message[] => {
  if (!recipes.some(({ precision }) => precision === 'int8')) return [];
  const tested = new Set(planned.flatMap(({ test }) => test.map(imageOf)));
  const pool = planned.flatMap(({ train }) => train).filter((item) => !tested.has(imageOf(item)));
  const mixed = new Set(outcomes.flatMap(({ test }) => test.map(imageOf)));
  const count = new Set(pool.map(imageOf).filter((id) => mixed.has(id))).size;
  return count === 0
    ? []
    : [
        `Up to ${count} test images may have calibrated int8: some images could not be read, so that others were drawn than planned. Take them out of the data set.`,
      ];
};
