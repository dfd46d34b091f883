// Batch normalisation between a convolution and its ReLU, as torchvision's vgg*_bn have it. It is part of a net in training only: backbone
// files hold the net with it folded into the convolutions.
import { type Architecture, type ConvLayer, layersOf } from './architecture.js';

/** Added to variances; PyTorch's. */
export const EPSILON = 1e-5;
/** The share of a batch's moments in the running ones; PyTorch's momentum. */
const SHARE = 0.1;

/** The convolutions that are normalised. */
export const normalisedLayersOf = (net: Architecture): readonly ConvLayer[] =>
  layersOf(net).filter((layer): layer is ConvLayer => layer.kind === 'conv' && layer.batchNorm === true);

/** The name of the scale (the paper's gamma) of a layer. Its shift, beta, is the layer's bias: the convolution has no other. */
export const scaleOf = ({ name }: { readonly name: string }): string => `${name}.gamma`;

/** The same net with normalisation folded into the convolutions. */
export const foldedNet = (net: Architecture): Architecture => {
  const { config, width, blocks, inputSize, fullyConnected, outputs } = net;
  return { config, width, blocks, inputSize, fullyConnected, outputs };
};

/** Mean and variance of each channel over many batches. */
export interface RunningMoments {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** Before the first batch. */
export const firstMoments = (channels: number): RunningMoments => ({
  mean: new Float32Array(channels),
  variance: new Float32Array(channels).fill(1),
});

/** Moments at this share of the way from some to others. */
export const momentsBetween = (from: RunningMoments, to: RunningMoments, share: number): RunningMoments => {
  const between = (a: Float32Array, b: Float32Array): Float32Array =>
    a.map((value, i) => value + share * (b[i]! - value));
  return { mean: between(from.mean, to.mean), variance: between(from.variance, to.variance) };
};

/**
 * Running moments after one more batch.
 *
 * @param batch its moments; the variance is over n
 * @param count n, the positions of all images: the running variance is over n - 1
 */
export const afterBatch = (running: RunningMoments, batch: RunningMoments, count: number): RunningMoments => {
  const move = (before: Float32Array, now: Float32Array, factor: number): Float32Array =>
    before.map((value, i) => (1 - SHARE) * value + SHARE * factor * now[i]!);
  return {
    mean: move(running.mean, batch.mean, 1),
    variance: move(running.variance, batch.variance, count / Math.max(1, count - 1)),
  };
};

/**
 * The factors by which a convolution's filters are multiplied, and its bias, so that it gives what the normalisation by running moments
 * would give.
 *
 * @param scale gamma
 * @param shift beta
 */
export const foldFactors = (
  { mean, variance }: RunningMoments,
  scale: Float32Array,
  shift: Float32Array,
): { readonly factors: Float32Array; readonly bias: Float32Array } => {
  const factorOf = (c: number): number => scale[c]! / Math.sqrt(variance[c]! + EPSILON);
  return {
    factors: scale.map((_, c) => factorOf(c)),
    bias: shift.map((value, c) => value - mean[c]! * factorOf(c)),
  };
};
