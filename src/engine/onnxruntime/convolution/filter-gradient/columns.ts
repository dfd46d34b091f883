// The gradient of a filter by columns (im2col): a strided copy of x for each position of the filter, then matrix products with dy.
import { type GraphBuilder, symbolicDims } from '../../../onnx.js';
import { type Conv2DInfo, type ConvolutionShape, convolutionShapeOf, keyOf } from '../geometry.js';
import type { FilterGradient } from '../operands.js';

/** The inputs that dy's positions depend on, for each position of the filter in reading order. x has its rows and columns last. */
const columnsOf = (
  g: GraphBuilder,
  x: string,
  { kernel: [kh, kw], strides, dilations }: ConvolutionShape,
  { outHeight, outWidth }: Conv2DInfo,
  channelAxis: number,
): string => {
  const axes = g.ints(2, 3);
  const steps = g.ints(...strides);
  const columns: string[] = [];
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const start = [i * dilations[0], j * dilations[1]] as const;
      const end = [
        start[0] + (outHeight - 1) * strides[0] + 1,
        start[1] + (outWidth - 1) * strides[1] + 1,
      ] as const;
      columns.push(g.node('Slice', [x, g.ints(...start), g.ints(...end), axes, steps]));
    }
  }
  return columns.length === 1 ? columns[0]! : g.node('Concat', columns, { axis: channelAxis });
};

/** x [batch, height, width, channels] with its padding, its axes permuted so that rows and columns come last. */
const permuteAndPad = (
  g: GraphBuilder,
  x: string,
  { pads }: ConvolutionShape,
  perm: readonly number[],
): string => {
  const ordered = g.node('Transpose', [x], { perm: [...perm] });
  if (pads.every((n) => n === 0)) return ordered;
  return g.node('Pad', [ordered, g.ints(0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3])]);
};

const graphKey = (name: string, shape: ConvolutionShape, info: Conv2DInfo): string =>
  `${keyOf(`FilterGradient:${name}`, shape)}:${info.batchSize}:${info.outHeight}:${info.outWidth}`;

/** Any strides and dilations: one product over all positions of the batch. */
export const byColumns = ({ backend, x, dy, dw, info }: FilterGradient): void => {
  const shape = convolutionShapeOf(info);
  const { kernel, inChannels, outChannels } = shape;
  const { batchSize, outHeight, outWidth } = info;
  const positions = batchSize * outHeight * outWidth;
  const rows = kernel[0] * kernel[1] * inChannels;
  backend.compute(
    graphKey('columns', shape, info),
    (g) => {
      const padded = permuteAndPad(g, g.input('x', 'float32', symbolicDims('x', 4)), shape, [3, 0, 1, 2]);
      const matrix = g.node('Reshape', [columnsOf(g, padded, shape, info, 0), g.ints(rows, -1)]);
      const gradient = g.input('dy', 'float32', ['p', outChannels]);
      g.output(g.node('MatMul', [matrix, gradient]), 'float32', ['k', outChannels]);
    },
    [[x], [dy, [positions, outChannels]]],
    [[dw, [rows, outChannels]]],
  );
};

/**
 * Few input channels, as pixels have: the columns are few then, and cheaper than zeros between dy's rows. There is a
 * product for each image and each NCHWc block of dy, which threads share; the sum over the batch is small.
 */
export const byColumnsOfImages = ({ backend, x, dy, dw, info }: FilterGradient): void => {
  const shape = convolutionShapeOf(info);
  const { kernel, inChannels, outChannels } = shape;
  const { batchSize, outHeight, outWidth } = info;
  const positions = outHeight * outWidth;
  const rows = kernel[0] * kernel[1] * inChannels;
  const source = backend.nchwcOf(dy);
  const channels = source ? backend.nchwcBlock : outChannels;
  const blocks = outChannels / channels;
  const dyDims = [batchSize, blocks, positions, channels];
  backend.run(
    graphKey(`images:${channels}`, shape, info),
    (g) => {
      const padded = permuteAndPad(g, g.input('x', 'float32', symbolicDims('x', 4)), shape, [0, 3, 1, 2]);
      const columns = columnsOf(g, padded, shape, info, 1);
      const matrix = g.node('Reshape', [columns, g.ints(batchSize, 1, rows, positions)]);
      const products = g.node('MatMul', [matrix, g.input('dy', 'float32', dyDims)]);
      const sums = g.node('ReduceSum', [products, g.ints(0)], { keepdims: 0 });
      const ordered = blocks === 1 ? sums : g.node('Transpose', [sums], { perm: [1, 0, 2] });
      g.output(g.node('Reshape', [ordered, g.ints(rows, outChannels)]), 'float32', [rows, outChannels]);
    },
    [backend.native(x), source ? source.value(dyDims) : backend.native(dy, dyDims)],
    [backend.native(dw, [rows, outChannels])],
  );
};
