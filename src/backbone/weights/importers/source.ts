// What every importer gives: the layers of a foreign file in the order of the net, each a tensor with named axes.
import type { InputNormalisation } from '../../nets/backbone.js';
import { sizeFromShape } from '../../../shape.js';
import type { Seen } from '../../nets/seen.js';

/** A tensor of a foreign file, read when asked for. */
export interface SourceTensor {
  /** As the file calls it; for messages. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The numbers in the file's order (last axis fastest), in pieces. */
  chunks(): AsyncIterable<Float32Array> | Iterable<Float32Array>;
}

/**
 * The meaning of a kernel's axes, slowest first: o outputs, i inputs, h rows, w columns. A fully-connected matrix is
 * described as the kernel that it is: Caffe's [out, channels * rows * columns] is "oihw", Keras's
 * [rows * columns * channels, out] is "hwio".
 */
export type Axes = 'oihw' | 'oiwh' | 'hwio' | 'ihwo';

/** Batch normalisation after a convolution, to be folded into it. */
export interface SourceNorm {
  readonly gamma: SourceTensor;
  readonly beta: SourceTensor;
  readonly mean: SourceTensor;
  readonly variance: SourceTensor;
  readonly epsilon: number;
}

/** A convolution or fully-connected layer. */
export interface SourceLayer {
  readonly name: string;
  readonly kernel: SourceTensor;
  readonly axes: Axes;
  /** No bias is a bias of 0. */
  readonly bias?: SourceTensor;
  readonly norm?: SourceNorm;
}

/** An opened foreign file. Whoever opens it closes it. */
export interface WeightSource {
  /** "caffemodel", "keras-h5", … */
  readonly format: string;
  /** In the order in which the net applies them. */
  readonly layers: readonly SourceLayer[];
  /** Whether local response normalisation follows the first layer: net A-LRN. */
  readonly lrn?: boolean;
  /** How pixels become its input: what the file says, else what nets of this format were trained with. */
  readonly input: InputNormalisation;
  /** Class names, where the file holds them. */
  readonly classes?: readonly string[];
  /** Further facts for the metadata. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The images that it was trained on, where the file keeps their digests. */
  readonly seen?: Seen;
  close(): Promise<void>;
}

const imagenetMean = [0.485, 0.456, 0.406] as const;
const imagenetStd = [0.229, 0.224, 0.225] as const;

/** The two preprocessings that published VGG nets were trained with. */
export const inputPresets = {
  /** Oxford's nets and what was converted from them: blue, green, red, 0 to 255, less the mean colour; bicubic. */
  oxford: {
    order: 'bgr',
    scale: 1,
    mean: [103.939, 116.779, 123.68],
    std: [1, 1, 1],
    interpolation: 'cubic',
  },
  /** torchvision's nets: red, green, blue, 0 to 1, less the mean and divided by the deviation of ImageNet; antialiased bilinear. */
  torchvision: {
    order: 'rgb',
    scale: 1 / 255,
    mean: imagenetMean,
    std: imagenetStd,
    interpolation: 'linear',
  },
} as const satisfies Record<string, InputNormalisation>;

/** All numbers of a tensor. */
export const readAll = async (tensor: SourceTensor): Promise<Float32Array> => {
  const result = new Float32Array(sizeFromShape(tensor.shape));
  let done = 0;
  for await (const chunk of tensor.chunks()) {
    result.set(chunk, done);
    done += chunk.length;
  }
  return result;
};
