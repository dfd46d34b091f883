// The operands of a convolution, and of the gradient of a filter.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import type { Conv2DInfo, ConvolutionShape } from './geometry.js';

/** A convolution that is no matrix product: of x with a filter, or with the filter rotated by 180° and its channels exchanged. */
export interface Convolution {
  /** The kernel's name, in the keys of graphs. */
  readonly name: string;
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly rotated: boolean;
  readonly shape: ConvolutionShape;
  readonly outShape: readonly number[];
}

/** The gradient of a filter: dw receives the products of x and dy, summed over the batch. */
export interface FilterGradient {
  readonly backend: OnnxRuntimeBackend;
  readonly x: TensorInfo;
  readonly dy: TensorInfo;
  readonly dw: TensorInfo;
  readonly info: Conv2DInfo;
}
