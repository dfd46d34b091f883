// The gradient of a convolution's filter: matrix products over all positions of a batch.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import type { Value } from '../../ort.js';
import { blockedValue } from '../layout.js';
import type { Block } from '../pool.js';
import { type NativeKernel, areFloat, free } from '../kernel.js';
import { DOMAIN, blockedConvolution, fromBlocked } from './blocked.js';
import { type Conv2DInfo, geometry, isProduct, keyOf, shapeOf } from './convolution.js';

/** Shifted products compute on the padding too; above this excess the columns are copied out instead. */
const MAX_WASTE = 1.4;
/** Matrix products with fewer rows than this are slow: the filter's positions are joined to one product. */
const MIN_ROWS = 16;
/** Columns of the image that x's channels are laid out as, at most. */
const IMAGE_WIDTH = 16;

/** Strides and dilations of any kind: a strided copy of x for each position of the filter, then one product. */
const byColumns = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  dy: TensorInfo,
  dw: TensorInfo,
  info: Conv2DInfo,
): void => {
  const shape = shapeOf(info);
  const { kernel, strides, dilations, pads, inChannels, outChannels } = shape;
  const [kh, kw] = kernel;
  const { batchSize, outHeight, outWidth } = info;
  const positions = batchSize * outHeight * outWidth;
  backend.compute(
    `${keyOf('FilterGradient:columns', shape)}:${batchSize}:${outHeight}:${outWidth}`,
    (g) => {
      const input = g.input('x', 'float32', free('x', 4));
      const gradient = g.input('dy', 'float32', ['p', outChannels]);
      const padding = g.ints(0, pads[0], pads[1], 0, 0, Math.max(0, pads[2]), Math.max(0, pads[3]), 0);
      const padded = pads.some((n) => n > 0) ? g.node('Pad', [input, padding]) : input;
      const rows = g.node('Transpose', [padded], { perm: [3, 0, 1, 2] }); // [channels, batch, height, width]
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
          columns.push(g.node('Slice', [rows, g.ints(...start), g.ints(...end), axes, steps]));
        }
      }
      const joined = columns.length === 1 ? columns[0]! : g.node('Concat', columns, { axis: 0 });
      const matrix = g.node('Reshape', [joined, g.ints(kh * kw * inChannels, -1)]);
      g.output(g.node('MatMul', [matrix, gradient]), 'float32', ['k', outChannels]);
    },
    [[x], [dy, [positions, outChannels]]],
    [[dw, [kh * kw * inChannels, outChannels]]],
  );
};

/**
 * Strides of one: x and dy are padded to the same height and width and laid out channels first. Then dW at (i, j) is
 * x, shifted by i rows and j columns, times dy; a shift is an offset into the same buffer, so nothing is copied. Where a
 * shifted row runs into the next one, dy is zero.
 */
const byShifts = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  dy: TensorInfo,
  dw: TensorInfo,
  info: Conv2DInfo,
): void => {
  const { batchSize, inChannels, outChannels, inHeight, inWidth, outHeight, outWidth } = info;
  const { top, left } = info.padInfo;
  const height = outHeight + info.effectiveFilterHeight - 1;
  const width = outWidth + info.effectiveFilterWidth - 1;
  const length = batchSize * height * width;
  const slack = (info.effectiveFilterHeight - 1) * width + info.effectiveFilterWidth - 1;
  const arrange = (
    tensor: TensorInfo,
    channels: number,
    pads: readonly [number, number, number, number],
    block: ReturnType<typeof backend.pool.acquire>,
  ): void => {
    backend.run(
      `FilterGradient:arrange:${pads.join()}`,
      (g) => {
        const input = g.input('x', 'float32', free('x', 4));
        const [t, l, b, r] = pads;
        const padded = g.node('Pad', [input, g.ints(0, t, l, 0, 0, b, r, 0)]);
        g.output(g.node('Transpose', [padded], { perm: [3, 0, 1, 2] }), 'float32', free('y', 4));
      },
      [backend.native(tensor)],
      [block.value([channels, batchSize, height, width])],
    );
  };
  backend.withScratch(inChannels * length + slack, (rows) => {
    backend.withScratch(outChannels * length, (gradient) => {
      arrange(x, inChannels, [top, left, height - top - inHeight, width - left - inWidth], rows);
      arrange(dy, outChannels, [0, 0, height - outHeight, width - outWidth], gradient);
      rows.memory.fill(0, inChannels * length, inChannels * length + slack);
      const right = gradient.value([outChannels, length]);
      const target = backend.block(dw);
      for (let i = 0; i < info.filterHeight; i++) {
        for (let j = 0; j < info.filterWidth; j++) {
          const shift = i * info.dilationHeight * width + j * info.dilationWidth;
          const position = i * info.filterWidth + j;
          backend.run(
            'FilterGradient:product',
            (g) => {
              const factors = [g.input('x', 'float32', ['i', 'p']), g.input('dy', 'float32', ['o', 'p'])];
              const options = { domain: 'com.microsoft' };
              g.output(g.node('FusedMatMul', factors, { transB: 1 }, options), 'float32', ['i', 'o']);
            },
            [rows.value([inChannels, length], shift), right],
            [target.value([inChannels, outChannels], position * inChannels * outChannels)],
          );
        }
      }
    });
  });
};

/** The number of channels as height and width of an image: threads share the rows of one that has columns too. */
const imageOf = (channels: number): readonly [height: number, width: number] => {
  let width = Math.min(IMAGE_WIDTH, channels);
  while (channels % width !== 0) width--;
  return [channels / width, width];
};

/**
 * Strides of one, where the library has the blocked layout: dW at (i, j) is a 1 x 1 convolution whose "channels" are the
 * positions of the batch, its "image" x's channels and its filter dy. dy in the blocked layout is such a filter as it lies,
 * and a shift by rows and columns is an offset into it, so that both tensors are brought into order once for all products.
 *
 * x and dy share a pitch with as many zero columns and rows between rows and images as the padding is wide: what is shifted
 * beyond an edge meets them. `lead` and the zeros at the end do that for the first and the last block of dy's channels.
 */
const byBlocks = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  dy: TensorInfo,
  dw: TensorInfo,
  info: Conv2DInfo,
): void => {
  const block = backend.capabilities.blockSize;
  const shape = shapeOf(info);
  const { kernel, dilations, pads, inChannels, outChannels } = shape;
  const { batchSize, inHeight, inWidth, outHeight, outWidth } = info;
  const height = Math.max(inHeight + Math.max(pads[0], pads[2]), outHeight);
  const width = Math.max(inWidth + Math.max(pads[1], pads[3]), outWidth);
  const positions = Math.ceil((batchSize * height * width) / block) * block;
  const shifts = Array.from(
    { length: kernel[0] * kernel[1] },
    (_, k) =>
      (Math.floor(k / kernel[1]) * dilations[0] - pads[0]) * width + (k % kernel[1]) * dilations[1] - pads[1],
  );
  const lead = Math.max(0, ...shifts) * block;
  const tail = Math.max(0, -Math.min(...shifts)) * block;
  /** Zero rows and columns are put between those of a tensor, and the result is reordered. */
  const arrange = (
    tensor: TensorInfo,
    channelsLast: number,
    dims: readonly number[],
    target: Value,
    key: string,
  ): void => {
    const [, rows, columns, channels] = tensor.shape as [number, number, number, number];
    const source = backend.blocksOf(tensor);
    backend.withScratch(positions * channels, (padded) => {
      const length = batchSize * height * width * channels;
      padded.memory.fill(0, length, positions * channels);
      backend.run(
        `FilterGradient:pad:${source ? channels : ''}:${height - rows}:${width - columns}`,
        (g) => {
          const input = g.input('x', 'float32', free('x', 4));
          const ends = g.ints(0, 0, 0, 0, 0, height - rows, width - columns, 0);
          const inRows = source ? fromBlocked(g, input, channels) : input;
          g.output(g.node('Pad', [inRows, ends]), 'float32', free('y', 4));
        },
        [source ? blockedValue(source, tensor.shape) : backend.native(tensor)],
        [padded.value([batchSize, height, width, channels])],
      );
      backend.run(
        `FilterGradient:${key}:${dims.join()}`,
        (g) => {
          const input = g.input('x', 'float32', dims);
          g.output(
            g.node('ReorderInput', [input], { channels_last: channelsLast }, { domain: DOMAIN }),
            'float32',
            free('y', 4),
          );
        },
        [padded.value(dims)],
        [target],
      );
    });
  };
  /** dy from its own blocks: channels go before the batch, and zero rows and columns between those of each block. */
  const arrangeBlocks = (source: Block, target: Value): void =>
    backend.run(
      `FilterGradient:blocks:${height - outHeight}:${width - outWidth}`,
      (g) => {
        const input = g.input('x', 'float32', free('x', 5));
        const ordered = g.node('Transpose', [input], { perm: [1, 0, 2, 3, 4] });
        const ends = g.ints(0, 0, 0, 0, 0, 0, 0, height - outHeight, width - outWidth, 0);
        g.output(g.node('Pad', [ordered, ends]), 'float32', free('y', 5));
      },
      [source.value([batchSize, outChannels / block, outHeight, outWidth, block])],
      [target],
    );
  backend.withScratch(positions * inChannels, (image) => {
    backend.withScratch(lead + positions * outChannels + tail, (filters) => {
      const [rows, columns] = imageOf(inChannels);
      const image4D = image.value([1, positions, rows, columns]);
      arrange(x, 0, [1, positions, inChannels, 1], image.value([1, positions, inChannels, 1]), 'image');
      filters.memory.fill(0, 0, lead);
      filters.memory.fill(0, lead + positions * outChannels, lead + positions * outChannels + tail);
      const source = backend.blocksOf(dy);
      if (source && positions === batchSize * height * width)
        arrangeBlocks(source, filters.value([outChannels / block, batchSize, height, width, block], lead));
      else {
        const filter = filters.value([1, outChannels, positions / block, block], lead);
        arrange(dy, 1, [1, positions / block, block, outChannels], filter, 'filter');
      }
      const target = backend.block(dw);
      backend.run(
        `FilterGradient:products:${shifts.length}:${positions}:${inChannels}:${outChannels}`,
        (g) => {
          const input = g.input('x', 'float32', [1, positions, rows, columns]);
          const pointwise = {
            kernel: [1, 1],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [0, 0, 0, 0],
          } as const;
          const product = { ...pointwise, inChannels: positions, outChannels };
          shifts.forEach((_, k) => {
            const weights = g.input(`f${k}`, 'float32', [outChannels, positions, 1, 1]);
            const result = blockedConvolution(g, input, weights, undefined, product, block, false);
            g.output(fromBlocked(g, result, outChannels), 'float32', [1, rows, columns, outChannels]);
          });
        },
        [
          image4D,
          ...shifts.map((shift) => filters.value([outChannels, positions, 1, 1], lead - shift * block)),
        ],
        shifts.map((_, k) => target.value([1, rows, columns, outChannels], k * inChannels * outChannels)),
      );
    });
  });
};

const byProduct = (
  backend: OnnxRuntimeBackend,
  x: TensorInfo,
  dy: TensorInfo,
  dw: TensorInfo,
  info: Conv2DInfo,
): void => {
  const positions = info.batchSize * info.outHeight * info.outWidth;
  backend.compute(
    'FilterGradient:pointwise',
    (g) => {
      const factors = [g.input('x', 'float32', ['p', 'i']), g.input('dy', 'float32', ['p', 'o'])];
      const options = { domain: 'com.microsoft' };
      g.output(g.node('FusedMatMul', factors, { transA: 1 }, options), 'float32', ['i', 'o']);
    },
    [
      [x, [positions, info.inChannels]],
      [dy, [positions, info.outChannels]],
    ],
    [[dw, [info.inChannels, info.outChannels]]],
  );
};

const filterGradient: NativeKernel = ({ backend, inputs, attrs }) => {
  const [x, dy] = [inputs['x']!, inputs['dy']!];
  if (!areFloat([x, dy])) return undefined;
  const filterShape = attrs['filterShape'] as number[];
  const info = geometry(x.shape, filterShape, attrs);
  if (!info || info.outShape.join() !== dy.shape.join()) return undefined;
  const shape = shapeOf(info);
  if (shape.pads.some((n) => n < 0)) return undefined;
  const { outHeight, outWidth, padInfo } = info;
  const height = outHeight + info.effectiveFilterHeight - 1;
  const width = outWidth + info.effectiveFilterWidth - 1;
  const waste = (height * width) / (outHeight * outWidth);
  const fits = height >= padInfo.top + info.inHeight && width >= padInfo.left + info.inWidth;
  const unstrided = shape.strides.every((n) => n === 1);
  const dw = backend.output(filterShape);
  const { blockSize } = backend.capabilities;
  const isBlocked = blockSize > 0 && info.outChannels % blockSize === 0;
  const way = isProduct(shape)
    ? byProduct
    : unstrided && isBlocked
      ? byBlocks
      : unstrided && info.inChannels >= MIN_ROWS && fits && waste <= MAX_WASTE
        ? byShifts
        : byColumns;
  way(backend, x, dy, dw, info);
  return dw;
};

export const filterGradientKernels: Readonly<Record<string, NativeKernel>> = {
  Conv2DBackpropFilter: filterGradient,
};
