// Convolution and its two gradients.
import { backend_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../onnx.js';
import { isSameShape } from '../../shape.js';
import type { OnnxRuntimeBackend } from '../backend.js';
import {
  type Attributes,
  type KernelCall,
  type NativeKernel,
  areFloat,
  free,
  limits,
  sizeOf,
} from '../kernel.js';
import { blockedValue, hasBlocks } from '../layout.js';
import { type Epilogue, epilogueOf, reluEpilogue } from './activation.js';
import {
  type ConvolutionShape,
  blockFilter,
  blockTurnedFilter,
  blockWholeFilter,
  blockedConvolution,
  fromBlocked,
  isWhole,
  toBlocked,
  wholeFilterDims,
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

/** Convolution on NHWC in a graph, through NCHW: where the library has no blocked layout. */
const convolveRows = (
  g: GraphBuilder,
  x: string,
  w: string,
  bias: string | undefined,
  { kernel, strides, dilations, pads }: ConvolutionShape,
  turned: boolean,
): string => {
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
  return g.node('Transpose', [result], { perm: [0, 2, 3, 1] });
};

/** A convolution that is not a matrix product, of a tensor with a filter, or with a turned one, whose channels are exchanged too. */
interface Convolution {
  /** The kernel's name in the keys of graphs. */
  readonly name: string;
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly turned: boolean;
  readonly shape: ConvolutionShape;
  readonly outShape: readonly number[];
}

/** The shape in which graphs see its filter. */
const filterDims = ({ shape, turned }: Convolution, blockSize: number): readonly number[] => {
  const { kernel, inChannels, outChannels } = shape;
  if (isWhole(shape, blockSize)) return wholeFilterDims(shape, turned);
  return [...kernel, ...(turned ? [outChannels, inChannels] : [inChannels, outChannels])];
};

const filterBlocks = (
  g: GraphBuilder,
  w: string,
  { shape, turned }: Convolution,
  blockSize: number,
): string => {
  if (isWhole(shape, blockSize)) return blockWholeFilter(g, w, shape, blockSize, turned);
  return (turned ? blockTurnedFilter : blockFilter)(g, w, shape, blockSize);
};

/**
 * Computes a convolution. Its input is taken in the layout it lies in; its output is left in blocks if `inBlocks` and its
 * channels are whole blocks.
 */
const convolve = (
  backend: OnnxRuntimeBackend,
  convolution: Convolution,
  epilogue: Epilogue | undefined,
  inBlocks: boolean,
): TensorInfo => {
  const { name, x, filter, turned, shape, outShape } = convolution;
  const { blockSize } = backend.capabilities;
  const { inChannels, outChannels } = shape;
  const source = blockSize > 0 ? backend.blocksOf(x) : undefined;
  const dims = filterDims(convolution, blockSize);
  const y =
    inBlocks && hasBlocks(backend, outShape) ? backend.outputInBlocks(outShape) : backend.output(outShape);
  const target = backend.blocksOf(y);
  const bias = epilogue?.bias;
  const relu = blockSize > 0 && epilogue?.activation === 'relu';
  backend.compute(
    keyOf(`${name}:${source ? 'blocks' : ''}:${target ? 'blocks' : ''}:${epilogue?.key ?? ''}`, shape),
    (g) => {
      const input = g.input('x', 'float32', source ? free('x', 4) : ['n', 'h', 'w', inChannels]);
      const w = g.input('f', 'float32', dims);
      const added = bias && g.input('bias', 'float32', [outChannels]);
      let result: string;
      if (blockSize > 0) {
        const blocks = source ? input : toBlocked(g, input, inChannels, blockSize);
        const weights = filterBlocks(g, w, convolution, blockSize);
        result = blockedConvolution(g, blocks, weights, added, shape, blockSize, relu);
        if (!target) result = fromBlocked(g, result, outChannels);
      } else result = convolveRows(g, input, w, added, shape, turned);
      g.output(epilogue && !relu ? epilogue.activate(g, result) : result, 'float32', free('y', 4));
    },
    [
      source ? blockedValue(source, x.shape) : [x],
      [filter, dims],
      ...(bias ? [[bias, [outChannels]] as const] : []),
    ],
    [target ? blockedValue(target, outShape) : [y]],
  );
  return y;
};

/** A convolution that is a matrix product of all positions with the filter. */
const multiply = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  filter: TensorInfo,
  { outShape, inChannels, outChannels }: Conv2DInfo,
  epilogue: Epilogue | undefined,
): TensorInfo => {
  const y = backend.output(outShape);
  const positions = sizeOf(y) / outChannels;
  const bias = epilogue?.bias;
  backend.compute(
    `Conv2D:product:${epilogue?.key ?? ''}`,
    (g) => {
      const factors = [g.input('x', 'float32', ['p', 'i']), g.input('w', 'float32', ['i', 'o'])];
      const added = bias && g.input('bias', 'float32', ['o']);
      let result = g.node('MatMul', factors);
      if (added) result = g.node('Add', [result, added]);
      g.output(epilogue ? epilogue.activate(g, result) : result, 'float32', ['p', 'o']);
    },
    [
      [x, [positions, inChannels]],
      [filter, [inChannels, outChannels]],
      ...(bias ? [[bias, [outChannels]] as const] : []),
    ],
    [[y, [positions, outChannels]]],
  );
  return y;
};

/**
 * Convolution, with bias and activation. Without an activation it is put off where the blocked layout can be used: the ReLU
 * that follows joins it then, and what nobody reads but ReLU is never computed.
 */
const forward = (
  { backend, inputs, attrs }: KernelCall,
  epilogue: Epilogue | undefined,
): TensorInfo | undefined => {
  const [x, filter] = [inputs['x']!, inputs['filter']!];
  if (!areFloat([x, filter])) return undefined;
  const info = geometry(x.shape, filter.shape, attrs);
  if (!info) return undefined;
  const shape = shapeOf(info);
  const bias = epilogue?.bias;
  if (hasNegativePad(shape) || (bias && sizeOf(bias) !== shape.outChannels)) return undefined;
  if (isProduct(shape)) return multiply(backend, x, filter, info, epilogue);
  const { outShape } = info;
  const convolution = { name: 'Conv2D', x, filter, turned: false, shape, outShape };
  const isLarge = hasBlocks(backend, outShape) && util.sizeFromShape(outShape) >= limits.small;
  if (!isLarge || (epilogue && epilogue.activation !== 'linear'))
    return convolve(backend, convolution, epilogue, isLarge);
  return backend.defer(outShape, {
    kind: 'Conv2D',
    inputs: { x, filter, ...(bias && { bias }) },
    compute: (inBlocks) => convolve(backend, convolution, epilogue, inBlocks),
    computeRelu: () => convolve(backend, convolution, reluEpilogue(bias), true),
  });
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

export const convolutionKernels: Readonly<Record<string, NativeKernel>> = {
  Conv2D: (call) => forward(call, undefined),
  FusedConv2D: fusedConv2d,
  Conv2DBackpropInput: deferInputGradient,
};

export { endPads, geometry, shapeOf, keyOf, isProduct, type Conv2DInfo };
