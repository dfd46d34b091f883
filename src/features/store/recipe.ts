// The recipe as data, as saved in stores and models: everything that decides the values of a descriptor.
import type { Interpolation } from '../../interpolation.js';

/** How descriptors of several scales are joined. */
export type Aggregate = 'average' | 'max' | 'stack';
/** The part of an image that is described. */
export type Region = 'image' | 'box' | 'image+box' | 'crops';

/**
 * How a descriptor is computed (section B of the paper): the net is applied densely to the image at every
 * scale, the activations of a layer are averaged over positions and with those of the mirrored image, scales
 * are joined, and the result is L2-normalised. Several nets are stacked, each normalised separately.
 */
export interface Recipe {
  /**
   * Layers, one column of the store each: "fc7" (after its ReLU), "fc7:linear" (before it), "conv5" (the last
   * convolution of block 5), "conv3_2", "pool4", …
   */
  readonly layers: readonly string[];
  /** Smallest sides Q in pixels that the region is resized to, ascending. */
  readonly scales: readonly number[];
  readonly aggregate: Aggregate;
  /** Whether the mirrored image is averaged in. */
  readonly flip: boolean;
  /**
   * L2-normalisation; called `normalize` in files. "l2": once, after scales are joined; "per-scale": each scale
   * before joining as well; "none": the net's output unchanged.
   */
  readonly descriptorNorm: 'l2' | 'per-scale' | 'none';
  /** "image+box" stacks the descriptor of the image and of the item's box; "crops" averages a grid of square crops. */
  readonly region: Region;
  /**
   * Longest side of a resized image in pixels; longer images are centre-cropped to bound memory. Default: no
   * limit.
   */
  readonly maxSide?: number;
  /** Side of the grid of crops of the net's input size: 1 is the centre crop, 5 the paper's 25 crops. */
  readonly crops: number;
  /** Interpolation for resizing; called `kernel` in files. */
  readonly interpolation: Interpolation;
  /** Whether EXIF orientation is applied (boxes of VOC are given for the image as stored: leave it off there). */
  readonly orient: boolean;
  readonly precision: 'fp32' | 'int8';
  /** Number type of the store. */
  readonly store: 'float32' | 'float16';
  /** Images are resized to the bit as Pillow does; missing: images that shrink as libvips does. */
  readonly resampling?: 'libvips' | 'pillow';
  /** For descriptors that another program made: where they come from. The fields above that decide values are then idle. */
  readonly source?: Source;
  /** For nets of others in ONNX: the input, and how maps and tokens become a vector. */
  readonly preprocess?: Preprocess;
  readonly pooling?: Pooling;
}

/** How a map's positions, or a transformer's tokens, become one vector. */
export type Pooling = 'average' | 'max' | 'first';

/** How images become the input of a net of others. They are resized as Pillow does. */
export interface Preprocess {
  /** A pixel becomes (pixel * factor - mean) / std, for each channel in the order of the net. */
  readonly factor: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly order: 'rgb' | 'bgr';
  /** Where a centre crop begins if half a pixel is left: at the even one (torchvision, timm) or the one before (transformers). */
  readonly offset: 'even' | 'floor';
  /** Regions are resized to exactly this, whatever their aspect ratio. */
  readonly squash?: { readonly width: number; readonly height: number };
}

/** Where descriptors of another program come from. */
export interface Source {
  /** Whose they are, as the user says it: "DINO ViT-S/16". */
  readonly name: string;
  /** Name of the file, its format, and the column of vectors in it. */
  readonly file: string;
  readonly format: string;
  readonly column: string;
}

/** A net, as recorded in a recipe's hash and a store's schema. */
export interface NetIdentity {
  /** SHA-256 of the weight file; of imported descriptors that of their file. */
  readonly sha256: string;
  /** Configuration of the paper: "D"; the name of another net. */
  readonly config: string;
  /** For other nets than the paper's: descriptors imported from a file, or a net in ONNX. */
  readonly kind?: 'imported' | 'onnx';
  /** For an int8 recipe: SHA-256 of the quantised net, which also depends on the calibration set. */
  readonly quantised?: string;
}
