// The gradient of a filter by NCHWc convolutions, for strides of one and output channels that are whole blocks.
import type { FilterGradient } from '../operands.js';
import { ofNarrowMaps } from './narrow-maps.js';
import { ofWideMaps } from './wide-maps.js';

/** Maps of at most this many columns are narrow: zeros between their rows would cost more than copies of dy. */
const NARROW = 8;

/** Computes the gradient; narrow maps must have whole blocks of columns and images. */
export const filterGradientNchwc = (gradient: FilterGradient): void => {
  const { inWidth, batchSize } = gradient.info;
  const isNarrow = inWidth <= NARROW && (inWidth * batchSize) % gradient.backend.nchwcBlock === 0;
  (isNarrow ? ofNarrowMaps : ofWideMaps)(gradient);
};
