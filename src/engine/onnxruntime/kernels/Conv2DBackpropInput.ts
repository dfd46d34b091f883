// The gradient of a convolution's input: a convolution of dy with the filter rotated by 180° and its channels exchanged.
import { Conv2DBackpropInput, type KernelConfig, type TensorInfo } from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../shape.js';
import { symbolicDims } from '../../onnx.js';
import { BACKEND_NAME, type OnnxRuntimeBackend } from '../backend.js';
import { convolve } from '../convolution/convolve.js';
import {
  type Conv2DInfo,
  type ConvolutionShape,
  convolutionShapeOf,
  geometry,
  hasNegativePad,
  isPointwise,
  keyOf,
} from '../convolution/geometry.js';
import { type NativeKernel, areFloat, withCpuFallback } from './shared/kernel.js';

/** The convolution of dy that gives the input's gradient of a convolution with strides of one. */
const gradientShape = (info: Conv2DInfo): ConvolutionShape => {
  const { top, left } = info.padInfo;
  const padTop = info.effectiveFilterHeight - 1 - top;
  const padLeft = info.effectiveFilterWidth - 1 - left;
  return {
    kernel: [info.filterHeight, info.filterWidth],
    inChannels: info.outChannels,
    outChannels: info.inChannels,
    strides: [1, 1],
    dilations: [info.dilationHeight, info.dilationWidth],
    pads: [padTop, padLeft, info.inHeight - info.outHeight + top, info.inWidth - info.outWidth + left],
  };
};

/** Of a 1 x 1 convolution: the product of dy's positions with the transposed filter. */
const multiply = (
  backend: OnnxRuntimeBackend,
  dy: TensorInfo,
  filter: TensorInfo,
  info: Conv2DInfo,
): TensorInfo => {
  const dx = backend.output(info.inShape);
  const positions = info.batchSize * info.inHeight * info.inWidth;
  backend.compute(
    'Conv2DBackpropInput:pointwise',
    (g) => {
      const factors = [g.input('dy', 'float32', ['p', 'o']), g.input('w', 'float32', ['i', 'o'])];
      const options = { domain: 'com.microsoft' };
      g.output(g.node('FusedMatMul', factors, { transB: 1 }, options), 'float32', ['p', 'i']);
    },
    [
      [dy, [positions, info.outChannels]],
      [filter, [info.inChannels, info.outChannels]],
    ],
    [[dx, [positions, info.inChannels]]],
  );
  return dx;
};

/** With strides: a transposed convolution, through NCHW. */
const transposedConvolution = (
  backend: OnnxRuntimeBackend,
  dy: TensorInfo,
  filter: TensorInfo,
  info: Conv2DInfo,
): TensorInfo | undefined => {
  const shape = convolutionShapeOf(info);
  const { kernel, strides, dilations, pads } = shape;
  if (hasNegativePad(shape)) return undefined;
  // Rows and columns at the lower right end that no output depends on, since the strides leave them over.
  const rest = [
    info.inHeight + pads[0] + pads[2] - (info.outHeight - 1) * strides[0] - info.effectiveFilterHeight,
    info.inWidth + pads[1] + pads[3] - (info.outWidth - 1) * strides[1] - info.effectiveFilterWidth,
  ];
  if (rest.some((n, i) => n < 0 || n >= strides[i]!)) return undefined;
  const dx = backend.output(info.inShape);
  backend.compute(
    keyOf(`ConvTranspose:${rest.join()}`, shape),
    (g) => {
      const input = g.input('dy', 'float32', ['n', 'h', 'w', info.outChannels]);
      const w = g.input('f', 'float32', [...kernel, info.inChannels, info.outChannels]);
      const operands = [
        g.node('Transpose', [input], { perm: [0, 3, 1, 2] }),
        g.node('Transpose', [w], { perm: [3, 2, 0, 1] }),
      ];
      const result = g.node('ConvTranspose', operands, {
        kernel_shape: [...kernel],
        strides: [...strides],
        dilations: [...dilations],
        pads: [...pads],
        output_padding: rest,
      });
      g.output(g.node('Transpose', [result], { perm: [0, 2, 3, 1] }), 'float32', symbolicDims('dx', 4));
    },
    [[dy], [filter]],
    [[dx]],
  );
  return dx;
};

/**
 * tfjs computes the gradients of all inputs of a fused convolution, that of a net's pixels among them, which nobody reads.
 * With strides of one it is deferred, so that it is not computed then.
 */
const conv2dBackpropInput: NativeKernel = ({ backend, inputs, attrs }) => {
  const [dy, filter] = [inputs['dy']!, inputs['filter']!];
  if (!areFloat([dy, filter])) return undefined;
  const info = geometry(attrs['inputShape'] as number[], filter.shape, attrs);
  if (!info || !isSameShape(info.outShape, dy.shape)) return undefined;
  if (info.strideHeight > 1 || info.strideWidth > 1) return transposedConvolution(backend, dy, filter, info);
  const shape = gradientShape(info);
  if (hasNegativePad(shape)) return undefined;
  const convolution = {
    name: 'Conv2DBackpropInput',
    x: dy,
    filter,
    rotated: true,
    shape,
    outShape: info.inShape,
  };
  return backend.defer(info.inShape, {
    kind: 'Conv2DBackpropInput',
    inputs: { dy, filter },
    compute: (inNchwc) =>
      isPointwise(shape)
        ? multiply(backend, dy, filter, info)
        : convolve(backend, convolution, undefined, inNchwc),
  });
};

export const conv2dBackpropInputConfig: KernelConfig = {
  kernelName: Conv2DBackpropInput,
  backendName: BACKEND_NAME,
  kernelFunc: withCpuFallback(Conv2DBackpropInput, conv2dBackpropInput),
};
