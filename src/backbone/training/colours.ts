// Colour statistics for training: the input's normalisation and the axes of the colour shift, inherited or
// measured.
import type { Backbone, InputNormalisation } from '../nets/backbone.js';
import type { ColourAxes } from './augmentation.js';
import { measuredStatistics, readStatistics } from './kept-colours.js';
import type { MeasureOptions, MeasuredImage } from './measure-pixels.js';
import type { TrainingOptions } from './options.js';
import type { PixelStatistics } from './pixel-statistics.js';

/** The settings that concern colours. */
interface ColourOptions extends Pick<
  TrainingOptions,
  'init' | 'classes' | 'colourShift' | 'statistics' | 'normalise'
> {
  /** Output folder; measured statistics are saved there. */
  readonly out: string;
}

export interface Colours {
  readonly input: InputNormalisation;
  /** Undefined if colours are not shifted. */
  readonly colourAxes: ColourAxes | undefined;
}

/**
 * The initial net's colour statistics: its input's normalisation, and the axes of the shift if the classes
 * are the same.
 */
const carriedColours = (
  { normalise, colourShift, classes, statistics }: ColourOptions,
  source: Backbone | undefined,
): { input?: InputNormalisation; colourAxes?: ColourAxes; complete: boolean } => {
  const input = normalise === undefined ? source?.metadata.input : undefined;
  const known = source?.metadata.training?.['colour'] as ColourAxes | undefined;
  const colourAxes = classes === 'same' && statistics === undefined ? known : undefined;
  return {
    ...(input && { input }),
    ...(colourAxes && { colourAxes }),
    complete: !!input && (colourShift === 0 || !!colourAxes),
  };
};

const inputOf = ({ normalise, init }: ColourOptions, statistics: PixelStatistics): InputNormalisation => {
  const how = normalise ?? (init === 'paper' ? 'mean' : 'mean-std');
  return {
    order: 'rgb',
    scale: 1,
    mean: statistics.mean,
    std: how === 'mean' ? [1, 1, 1] : statistics.std,
  };
};

const onlyAxes = ({ spread, axes }: ColourAxes): ColourAxes => ({ spread, axes });

/** Normalisation and colour shift: from the initial net if it has them, else from the training images. */
export const coloursOf = async (
  options: ColourOptions,
  source: Backbone | undefined,
  images: readonly MeasuredImage[],
  how: MeasureOptions,
): Promise<Colours> => {
  const { statistics: file, out, colourShift } = options;
  const carried = carriedColours(options, source);
  const shifted = (axes: ColourAxes | undefined): ColourAxes | undefined =>
    colourShift > 0 && axes ? onlyAxes(axes) : undefined;
  if (carried.complete) return { input: carried.input!, colourAxes: shifted(carried.colourAxes) };
  const statistics =
    file === undefined ? await measuredStatistics(images, out, how) : await readStatistics(file);
  return {
    input: carried.input ?? inputOf(options, statistics),
    colourAxes: shifted(carried.colourAxes ?? statistics),
  };
};
