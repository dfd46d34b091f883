// The gradient of a convolution's input: a convolution of dy with the filter turned by 180 degrees.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../shape.js';
import type { OnnxRuntimeBackend } from '../backend.js';
import { type NativeKernel, areFloat, free } from './shared/kernel.js';
import type { ConvolutionShape } from '../convolution/nchwc.js';
import {
  type Conv2DInfo,
  geometry,
  hasNegativePad,
  isProduct,
  keyOf,
  shapeOf,
} from '../convolution/geometry.js';
import { convolve } from '../convolution/convolve.js';

/** The convolution of dy that gives the input's gradient of a convolution with strides of one. */
const inputGradientShape = (info: Conv2DInfo): ConvolutionShape => {
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

const inputGradient = (
  backend: OnnxRuntimeBackend,
  dy: TensorInfo,
  filter: TensorInfo,
  info: Conv2DInfo,
  inBlocks: boolean,
): TensorInfo | undefined => {
  const strided = info.strideHeight > 1 || info.strideWidth > 1;
  const shape = strided ? shapeOf(info) : inputGradientShape(info);
  if (hasNegativePad(shape)) return undefined;
  const [kh, kw] = shape.kernel;
  const filterDims = [kh, kw, info.inChannels, info.outChannels];
  if (isProduct(shape)) {
    const dx = backend.output(info.inShape);
    const positions = info.batchSize * info.inHeight * info.inWidth;
    backend.compute(
      'Conv2DBackpropInput:product',
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
  }
  if (!strided) {
    const { inShape: outShape } = info;
    const convolution = { name: 'Conv2DBackpropInput', x: dy, filter, turned: true, shape, outShape };
    return convolve(backend, convolution, undefined, inBlocks);
  }
  // What the strides left over at the lower right end, which no output saw.
  const rest = [
    info.inHeight +
      shape.pads[0] +
      shape.pads[2] -
      (info.outHeight - 1) * info.strideHeight -
      info.effectiveFilterHeight,
    info.inWidth +
      shape.pads[1] +
      shape.pads[3] -
      (info.outWidth - 1) * info.strideWidth -
      info.effectiveFilterWidth,
  ];
  if (rest.some((n, i) => n < 0 || n >= shape.strides[i]!)) return undefined;
  const dx = backend.output(info.inShape);
  backend.compute(
    keyOf(`ConvTranspose:${rest.join()}`, shape),
    (g) => {
      const input = g.input('dy', 'float32', ['n', 'h', 'w', info.outChannels]);
      const w = g.input('f', 'float32', filterDims);
      const result = g.node(
        'ConvTranspose',
        [
          g.node('Transpose', [input], { perm: [0, 3, 1, 2] }),
          g.node('Transpose', [w], { perm: [3, 2, 0, 1] }),
        ],
        {
          kernel_shape: [kh, kw],
          strides: [...shape.strides],
          dilations: [...shape.dilations],
          pads: [...shape.pads],
          output_padding: rest,
        },
      );
      g.output(g.node('Transpose', [result], { perm: [0, 2, 3, 1] }), 'float32', free('dx', 4));
    },
    [[dy], [filter]],
    [[dx]],
  );
  return dx;
};

/**
 * tfjs computes the gradients of all inputs of a fused convolution, also that of a net's pixels. It is computed when it is read, so
 * that one is not.
 */
const deferInputGradient: NativeKernel = ({ backend, inputs, attrs }) => {
  const [dy, filter] = [inputs['dy']!, inputs['filter']!];
  if (!areFloat([dy, filter])) return undefined;
  const info = geometry(attrs['inputShape'] as number[], filter.shape, attrs);
  if (!info || !isSameShape(info.outShape, dy.shape)) return undefined;
  const isPlain = info.strideHeight === 1 && info.strideWidth === 1;
  if (!isPlain || hasNegativePad(inputGradientShape(info)))
    return inputGradient(backend, dy, filter, info, false);
  return backend.defer(info.inShape, {
    kind: 'Conv2DBackpropInput',
    inputs: { dy, filter },
    compute: (inBlocks) => inputGradient(backend, dy, filter, info, inBlocks)!,
  });
};

export const inputGradientKernels: Readonly<Record<string, NativeKernel>> = {
  Conv2DBackpropInput: deferInputGradient,
};
