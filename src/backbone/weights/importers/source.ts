// The common result of all importers: the layers of a foreign file in the net's order, each a tensor with
// named axes.
import type { LazyTensor } from '../../../formats/tensor.js';
import type { InputNormalisation } from '../../nets/backbone.js';
import type { Seen } from '../../nets/seen.js';

/**
 * The meaning of a kernel's axes, slowest first: o outputs, i inputs, h rows, w columns, in any order. A
 * fully-connected matrix is described as the equivalent kernel: Caffe's [out, channels * rows * columns] is
 * "oihw", Keras's [rows * columns * channels, out] is "hwio".
 */
export type Axes = string;

/** One number per channel, or one for all. */
export type PerChannel = LazyTensor | number;

/** A per-channel operation on a layer's output before its ReLU; it is folded into the layer. */
export type ChannelStep =
  | {
      readonly kind: 'norm';
      readonly gamma?: LazyTensor | undefined;
      readonly beta?: LazyTensor | undefined;
      readonly mean: LazyTensor;
      readonly variance: LazyTensor;
      readonly epsilon: number;
    }
  /** Multiplies by `by`, or divides. */
  | { readonly kind: 'scale'; readonly by: PerChannel; readonly divide?: boolean }
  /** Adds `factor` (1) times `by`. */
  | { readonly kind: 'shift'; readonly by: PerChannel; readonly factor?: number };

/** A convolution or fully-connected layer. */
export interface SourceLayer {
  readonly name: string;
  readonly kernel: LazyTensor;
  readonly axes: Axes;
  /** Undefined means a bias of 0. */
  readonly bias?: LazyTensor | undefined;
  readonly after?: readonly ChannelStep[];
  /**
   * For a kernel of 4 axes, if known from the file: whether its padding keeps the size of the map, or there
   * is no padding.
   */
  readonly padding?: 'same' | 'none' | undefined;
}

/**
 * A 2x2 max-pooling with stride 2, or A-LRN's normalisation, and the number of layers with weights before it.
 */
export interface UnweightedLayer {
  readonly kind: 'pool' | 'lrn';
  readonly name: string;
  readonly after: number;
}

/** The layers of a net, and the file's other facts about its structure. */
export interface SourceNet {
  /** In order of application: convolutions, then fc6, fc7 and fc8, or fc6 and fc7, or none of them. */
  readonly layers: readonly SourceLayer[];
  /**
   * Positions of pools and local response normalisations, in order; undefined if not in the file: the net
   * then has no normalisation.
   */
  readonly unweighted?: readonly UnweightedLayer[] | undefined;
  /** Names of ignored parts beside the net or after it. */
  readonly leftOut?: readonly string[];
  /** The input normalisation, if the graph itself begins with it. */
  readonly prepared?: InputNormalisation | undefined;
}

/** An open foreign file. The caller closes it. */
export interface WeightSource extends SourceNet {
  /** "caffemodel", "keras-h5", … */
  readonly format: string;
  /** The input normalisation: from the file, else the default of the format. */
  readonly input: InputNormalisation;
  /** Class names, if the file has them. */
  readonly classes?: readonly string[];
  /** Further facts for the metadata. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The training images, if the file has their digests. */
  readonly seen?: Seen;
  close(): Promise<void>;
}

/** Options for opening a weight file. */
export interface OpenOptions {
  /** Selects one of several nets in the file: a key of a checkpoint, or a prefix of its tensor names. */
  readonly key?: string | undefined;
}

const imagenetMean = [0.485, 0.456, 0.406] as const;
const imagenetStd = [0.229, 0.224, 0.225] as const;

/** The two preprocessings that published VGG nets were trained with. */
export const inputPresets = {
  /** Oxford's nets and their conversions: BGR, 0 to 255, minus the mean colour; bicubic. */
  oxford: {
    order: 'bgr',
    scale: 1,
    mean: [103.939, 116.779, 123.68],
    std: [1, 1, 1],
    interpolation: 'cubic',
  },
  /**
   * torchvision's nets: RGB, 0 to 1, minus ImageNet's mean and divided by its standard deviation; antialiased
   * bilinear.
   */
  torchvision: {
    order: 'rgb',
    scale: 1 / 255,
    mean: imagenetMean,
    std: imagenetStd,
    interpolation: 'linear',
  },
} as const satisfies Record<string, InputNormalisation>;
