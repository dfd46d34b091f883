// What training knows of colours: the input's normalisation and the axes of the shift, carried over or measured.
import type { ColourShift } from './augmentation.js';
import type { Backbone, InputNormalisation } from '../nets/backbone.js';
import {
  type MeasureOptions,
  type MeasuredImage,
  measuredStatistics,
  readStatistics,
} from './measure-pixels.js';
import type { PixelStatistics } from './pixel-statistics.js';
import type { TrainRequest } from './train-backbone.js';

export interface Colours {
  readonly input: InputNormalisation;
  /** Missing where colours are not shifted. */
  readonly colour: ColourShift | undefined;
}

/** What the net to start from says of colours: its input's normalisation, and the axes of the shift if the classes stay. */
const carriedColours = (
  { normalise, colourShift, classes, statistics }: TrainRequest,
  source: Backbone | undefined,
): { input?: InputNormalisation; colour?: ColourShift | undefined; complete: boolean } => {
  const input = normalise === undefined ? source?.metadata.input : undefined;
  const known = source?.metadata.training?.['colour'] as ColourShift | undefined;
  const axes = classes === 'same' && statistics === undefined ? known : undefined;
  const colour = axes && { strength: colourShift, spread: axes.spread, axes: axes.axes };
  return { ...(input && { input }), colour, complete: !!input && (colourShift === 0 || !!colour) };
};

const inputOf = ({ normalise, init }: TrainRequest, statistics: PixelStatistics): InputNormalisation => {
  const how = normalise ?? (init === 'paper' ? 'mean' : 'mean-std');
  return {
    order: 'rgb',
    scale: 1,
    mean: statistics.mean,
    std: how === 'mean' ? [1, 1, 1] : statistics.std,
  };
};

/** Normalisation and colour shift: from the net to start from where it has them, else from the training images. */
export const coloursOf = async (
  request: TrainRequest,
  source: Backbone | undefined,
  images: readonly MeasuredImage[],
  { sides, kernel }: Pick<MeasureOptions, 'sides' | 'kernel'>,
): Promise<Colours> => {
  const { statistics: file, out, workers, onProgress, signal, colourShift } = request;
  const carried = carriedColours(request, source);
  const strength = colourShift;
  if (carried.complete) return { input: carried.input!, colour: strength > 0 ? carried.colour : undefined };
  const statistics =
    file === undefined
      ? await measuredStatistics(images, out, { sides, kernel, workers, onProgress, signal })
      : await readStatistics(file);
  const { spread, axes } = carried.colour ?? statistics;
  return {
    input: carried.input ?? inputOf(request, statistics),
    colour: strength > 0 ? { strength, spread, axes } : undefined,
  };
};
