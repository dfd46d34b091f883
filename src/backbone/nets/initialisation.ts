// Random initial weights: the paper's normal distribution (section 3.1), Glorot and Bengio's, He's. Biases are 0.
import { expected, option } from '../../errors.js';
import { Random } from '../../random.js';
import type { WeightedLayer } from './architecture.js';

export const initialisations = ['paper', 'glorot', 'he'] as const;
export type Initialisation = (typeof initialisations)[number];

/**
 * Standard deviation of `paper`. The paper says "10^-2 variance", a standard deviation of 0.1; with it the
 * activations of a deep net explode, and implementations use 0.01 (AlexNet's).
 */
export const PAPER_STD = 0.01;

/**
 * Standard deviation of a layer's initial weights (for Glorot's uniform distribution too). He's assumes a
 * ReLU after the layer. fc8 has none, and large initial scores would start training far above the
 * chance-level loss, so fc8 takes 0.01.
 */
export const initialStd = (
  { kind, name, inputs, outputs, kernel }: WeightedLayer,
  method: Initialisation,
  paperStd = PAPER_STD,
): number => {
  const area = kernel * kernel;
  // A convolution's input feeds `area` positions of every output map; a fully-connected layer's feeds every unit once.
  const [fanIn, fanOut] = [inputs * area, kind === 'conv' ? outputs * area : outputs];
  switch (method) {
    case 'paper':
      return paperStd;
    case 'glorot':
      return Math.sqrt(2 / (fanIn + fanOut));
    case 'he':
      return name === 'fc8' ? PAPER_STD : Math.sqrt(2 / fanIn);
  }
};

/**
 * A layer's random weights, in the order of a backbone file. The same seed gives the same weights; each layer
 * has its own random stream, so that layers common to two nets get the same weights.
 *
 * @param paperStd standard deviation of `paper`
 * @throws UsageError for a standard deviation that is not positive
 */
export const initialWeights = (
  layer: WeightedLayer,
  method: Initialisation,
  seed: number,
  paperStd = PAPER_STD,
): Float32Array => {
  if (!(Number.isFinite(paperStd) && paperStd > 0))
    throw expected('a number above 0', option('initStd'), paperStd);
  const random = new Random(seed, 'init', layer.name);
  const std = initialStd(layer, method, paperStd);
  const bound = std * Math.sqrt(3); // A uniform distribution in [-bound, bound] has this standard deviation.
  const draw = method === 'glorot' ? () => (2 * random.uniform() - 1) * bound : () => random.normal() * std;
  return Float32Array.from({ length: layer.outputs * layer.inputs * layer.kernel * layer.kernel }, draw);
};
