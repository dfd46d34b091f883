// What every importer gives: the layers of a foreign file in the order of the net, each a tensor with named axes.
import type { LazyTensor } from '../../../formats/tensor.js';
import type { InputNormalisation } from '../../nets/backbone.js';
import type { Seen } from '../../nets/seen.js';

/**
 * The meaning of a kernel's axes, slowest first: o outputs, i inputs, h rows, w columns, in any order. A fully-connected
 * matrix is described as the kernel that it is: Caffe's [out, channels * rows * columns] is "oihw", Keras's
 * [rows * columns * channels, out] is "hwio".
 */
export type Axes = string;

/** A number for each channel, or one for all of them. */
export type PerChannel = LazyTensor | number;

/** What is done to each channel of a layer's output before its ReLU; it is folded into the layer. */
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
  /** No bias is a bias of 0. */
  readonly bias?: LazyTensor | undefined;
  readonly after?: readonly ChannelStep[];
  /** Of a kernel of 4 axes, where the file says: whether its padding keeps the size of the map, or there is none. */
  readonly padding?: 'same' | 'none' | undefined;
}

/** A max-pooling of 2x2 with stride 2, or A-LRN's normalisation, after so many of the layers with weights. */
export interface UnweightedLayer {
  readonly kind: 'pool' | 'lrn';
  readonly name: string;
  readonly after: number;
}

/** The layers of a net, and what else the file says of its form. */
export interface SourceNet {
  /** In the order in which the net applies them: convolutions, then fc6, fc7 and fc8, or fc6 and fc7, or none. */
  readonly layers: readonly SourceLayer[];
  /** Where it pools and normalises responses, in order; undefined where the file does not say: it then has no normalisation. */
  readonly unweighted?: readonly UnweightedLayer[] | undefined;
  /** Names of what lies beside the net or after it, and was left out. */
  readonly leftOut?: readonly string[];
  /** How pixels become its input, where the graph itself begins with that. */
  readonly prepared?: InputNormalisation | undefined;
}

/** An opened foreign file. Whoever opens it closes it. */
export interface WeightSource extends SourceNet {
  /** "caffemodel", "keras-h5", … */
  readonly format: string;
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

/** How a weight file is opened. */
export interface OpenOptions {
  /** Which of several nets in the file: a key of a checkpoint, or what the names of its tensors begin with. */
  readonly key?: string | undefined;
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
