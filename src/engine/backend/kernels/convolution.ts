// Convolution and its two gradients.
import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../onnx.js';
import type { OnnxRuntimeBackend } from '../backend.js';
import { type Attributes, type KernelCall, type NativeKernel, areFloat, free, sizeOf } from '../kernel.js';
import { type Epilogue, epilogueOf } from './activation.js';
import {
  type ConvolutionShape,
  blockFilter,
  blockTurnedFilter,
  blockTurnedPositions,
  blockedConvolution,
  fromBlocked,
  isWhole,
  toBlocked,
} from './blocked.js';

type Shape4D = [number, number, number, number];
type Conv2DInfo = backend_util.Conv2DInfo;

/** The geometry of a convolution on NHWC, or nothing for NCHW, which the CPU kernels do. */
const geometry = (xShape: number[], filterShape: number[], attrs: Attributes): Conv2DInfo | undefined => {
  if (attrs['dataFormat'] !== 'NHWC') return undefined;
  const info = backend_util.computeConv2DInfo(
    xShape as Shape4D,
    filterShape as Shape4D,
    attrs['strides'] as number | [number, number],
    (attrs['dilations'] ?? 1) as number | [number, number],
    attrs['pad'] as 'same' | 'valid' | number,
    attrs['dimRoundingMode'] as 'floor' | 'round' | 'ceil' | undefined,
  );
  const empty = [info.batchSize, info.outHeight, info.outWidth].some((n) => n < 1);
  if (empty || filterShape[2] !== info.inChannels) return undefined;
  const [bottom, right] = endPads(info);
  return bottom > -info.strideHeight && right > -info.strideWidth ? info : undefined;
};

/**
 * Padding at the lower or right end so that exactly `out` outputs fit: tfjs counts the outputs of an explicit padding by
 * the height's filter and stride alone. Negative: that many inputs at the end are seen by no output.
 */
const endPad = (out: number, stride: number, filter: number, size: number, start: number): number =>
  (out - 1) * stride + filter - size - start;

const endPads = (info: Conv2DInfo): [bottom: number, right: number] => [
  endPad(info.outHeight, info.strideHeight, info.effectiveFilterHeight, info.inHeight, info.padInfo.top),
  endPad(info.outWidth, info.strideWidth, info.effectiveFilterWidth, info.inWidth, info.padInfo.left),
];

const shapeOf = (info: Conv2DInfo): ConvolutionShape => {
  const { top, left } = info.padInfo;
  const [bottom, right] = endPads(info).map((n) => Math.max(0, n)) as [number, number];
  return {
    kernel: [info.filterHeight, info.filterWidth],
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    pads: [top, left, bottom, right],
  };
};

const keyOf = (name: string, shape: ConvolutionShape): string => `${name}:${Object.values(shape).join(':')}`;

/** Whether a convolution is a matrix product of [positions, channels] with [channels, channels]. */
const isProduct = ({ kernel, strides, pads }: ConvolutionShape): boolean =>
  [...kernel, ...strides].every((n) => n === 1) && pads.every((n) => n === 0);

const hasNegativePad = ({ pads }: ConvolutionShape): boolean => pads.some((n) => n < 0);

/** NHWC convolution in a graph: blocked where the library has that layout, through NCHW elsewhere. */
const convolve = (
  g: GraphBuilder,
  x: string,
  w: string,
  bias: string | undefined,
  shape: ConvolutionShape,
  block: number,
  turned: boolean,
  relu: boolean,
): string => {
  const { kernel, strides, dilations, pads, inChannels, outChannels } = shape;
  if (block > 0) {
    const filter = (turned ? blockTurnedFilter : blockFilter)(g, w, shape, block);
    const input = toBlocked(g, x, inChannels, block);
    return fromBlocked(g, blockedConvolution(g, input, filter, bias, shape, block, relu), outChannels);
  }
  const input = g.node('Transpose', [x], { perm: [0, 3, 1, 2] });
  const ordered = turned
    ? g.node('Slice', [
        g.node('Transpose', [w], { perm: [2, 3, 0, 1] }),
        g.ints(-1, -1),
        g.ints(-kernel[0] - 1, -kernel[1] - 1),
        g.ints(2, 3),
        g.ints(-1, -1),
      ])
    : g.node('Transpose', [w], { perm: [3, 2, 0, 1] });
  const result = g.node('Conv', bias ? [input, ordered, bias] : [input, ordered], {
    kernel_shape: [...kernel],
    strides: [...strides],
    dilations: [...dilations],
    pads: [...pads],
  });
  const output = g.node('Transpose', [result], { perm: [0, 2, 3, 1] });
  return relu ? g.node('Relu', [output]) : output;
};

const forward = (call: KernelCall, epilogue: Epilogue | undefined): TensorInfo | undefined => {
  const { backend, inputs, attrs } = call;
  const [x, filter] = [inputs['x']!, inputs['filter']!];
  if (!areFloat([x, filter])) return undefined;
  const info = geometry(x.shape, filter.shape, attrs);
  if (!info) return undefined;
  const shape = shapeOf(info);
  const bias = epilogue?.bias;
  if (hasNegativePad(shape) || (bias && sizeOf(bias) !== shape.outChannels)) return undefined;
  const y = backend.output(info.outShape);
  const { blockSize } = backend.capabilities;
  const biasInput = (g: GraphBuilder) => bias && g.input('bias', 'float32', [shape.outChannels]);
  const operands = (dims: readonly number[] | undefined, filterDims: readonly number[] | undefined) => [
    [x, dims] as const,
    [filter, filterDims] as const,
    ...(bias ? [[bias, [shape.outChannels]] as const] : []),
  ];
  if (isProduct(shape)) {
    const { inChannels, outChannels } = shape;
    const positions = info.batchSize * info.outHeight * info.outWidth;
    backend.compute(
      `Conv2D:product:${epilogue?.key ?? ''}`,
      (g) => {
        const factors = [g.input('x', 'float32', ['p', 'i']), g.input('w', 'float32', ['i', 'o'])];
        const added = bias && g.input('bias', 'float32', ['o']);
        let result = g.node('MatMul', factors);
        if (added) result = g.node('Add', [result, added]);
        g.output(epilogue ? epilogue.activate(g, result) : result, 'float32', ['p', 'o']);
      },
      operands([positions, inChannels], [inChannels, outChannels]),
      [[y, [positions, outChannels]]],
    );
    return y;
  }
  const relu = epilogue?.activation === 'relu';
  backend.compute(
    keyOf(`Conv2D:${epilogue?.key ?? ''}`, shape),
    (g) => {
      const input = g.input('x', 'float32', ['n', 'h', 'w', shape.inChannels]);
      const w = g.input('f', 'float32', [...shape.kernel, shape.inChannels, shape.outChannels]);
      const result = convolve(g, input, w, biasInput(g), shape, blockSize, false, relu);
      g.output(epilogue && !relu ? epilogue.activate(g, result) : result, 'float32', free('y', 4));
    },
    operands(undefined, undefined),
    [[y]],
  );
  return y;
};

const fusedConv2d: NativeKernel = (call) => {
  const epilogue = epilogueOf(call);
  return epilogue && forward(call, epilogue);
};

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
  const { blockSize } = backend.capabilities;
  if (!strided && isWhole(shape, blockSize)) {
    const dx = backend.output(info.inShape);
    const count = kh * kw;
    backend.adopt(filter);
    const { inChannels: channels, outChannels } = shape;
    const positions = Array.from({ length: count }, (_, i) =>
      backend.block(filter).value([1, outChannels, channels, 1], i * channels * outChannels),
    );
    backend.run(
      keyOf('Conv2DBackpropInput', shape),
      (g) => {
        const input = g.input('dy', 'float32', ['n', 'h', 'w', channels]);
        const names = positions.map((_, i) => g.input(`f${i}`, 'float32', [1, outChannels, channels, 1]));
        const turned = blockTurnedPositions(g, names, shape, blockSize);
        const blocked = toBlocked(g, input, channels, blockSize);
        const result = blockedConvolution(g, blocked, turned, undefined, shape, blockSize, false);
        g.output(fromBlocked(g, result, outChannels), 'float32', free('dx', 4));
      },
      [backend.native(dy), ...positions],
      [backend.native(dx)],
    );
    return dx;
  }
  if (!strided) {
    const dx = backend.output(info.inShape);
    backend.compute(
      keyOf('Conv2DBackpropInput', shape),
      (g) => {
        const input = g.input('dy', 'float32', ['n', 'h', 'w', info.outChannels]);
        const w = g.input('f', 'float32', filterDims);
        g.output(convolve(g, input, w, undefined, shape, blockSize, true, false), 'float32', free('dx', 4));
      },
      [[dy], [filter]],
      [[dx]],
    );
    return dx;
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
  if (!info || info.outShape.join() !== dy.shape.join()) return undefined;
  const isPlain = info.strideHeight === 1 && info.strideWidth === 1;
  if (!isPlain || hasNegativePad(inputGradientShape(info))) return inputGradient(backend, dy, filter, info);
  return backend.defer(info.inShape, {
    kind: 'Conv2DBackpropInput',
    inputs: { dy, filter },
    compute: () => inputGradient(backend, dy, filter, info)!,
  });
};

export const convolutionKernels: Readonly<Record<string, NativeKernel>> = {
  Conv2D: (call) => forward(call, undefined),
  FusedConv2D: fusedConv2d,
  Conv2DBackpropInput: deferInputGradient,
};

export { endPads, geometry, shapeOf, keyOf, isProduct, type Conv2DInfo };
