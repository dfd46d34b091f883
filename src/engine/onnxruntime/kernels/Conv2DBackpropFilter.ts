// The gradient of a convolution's filter: matrix products over all positions of a batch.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { isSameShape } from '../../../shape.js';
import { type NativeKernel, areFloat, free } from './shared/kernel.js';
import { geometry, hasNegativePad, isProduct, shapeOf } from '../convolution/geometry.js';
import { type FilterGradient, byBlocks } from '../convolution/filter-gradient/nchwc.js';
import { byColumns, byImages } from '../convolution/filter-gradient/columns.js';
import { sumMinimally } from '../winograd/convolution.js';

/** Shifted products compute on the padding too; above this excess the columns are copied out instead. */
const MAX_WASTE = 1.4;
/** Matrix products with fewer rows than this are slow: the filter's positions are joined to one product of an image. */
const MIN_ROWS = 16;

/**
 * Strides of one: x and dy are padded to the same height and width and laid out channels first. Then dW at (i, j) is
 * x, shifted by i rows and j columns, times dy; a shift is an offset into the same buffer, so nothing is copied. Where a
 * shifted row runs into the next one, dy is zero.
 */
const byShifts = ({ backend, x, dy, dw, info }: FilterGradient): void => {
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

const byProduct = ({ backend, x, dy, dw, info }: FilterGradient): void => {
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
  if (!info || !isSameShape(info.outShape, dy.shape)) return undefined;
  const shape = shapeOf(info);
  if (hasNegativePad(shape)) return undefined;
  const { outHeight, outWidth, padInfo } = info;
  const height = outHeight + info.effectiveFilterHeight - 1;
  const width = outWidth + info.effectiveFilterWidth - 1;
  const waste = (height * width) / (outHeight * outWidth);
  const fits = height >= padInfo.top + info.inHeight && width >= padInfo.left + info.inWidth;
  const unstrided = shape.strides.every((n) => n === 1);
  const dw = backend.output(filterShape);
  const { blockSize } = backend.capabilities;
  const isBlocked = blockSize > 0 && info.outChannels % blockSize === 0;
  const task = { backend, x, dy, dw, info };
  if (sumMinimally(task)) return dw;
  const way = isProduct(shape)
    ? byProduct
    : info.inChannels < MIN_ROWS
      ? byImages
      : unstrided && isBlocked
        ? byBlocks
        : unstrided && fits && waste <= MAX_WASTE
          ? byShifts
          : byColumns;
  way(task);
  return dw;
};

export const filterGradientKernels: Readonly<Record<string, NativeKernel>> = {
  Conv2DBackpropFilter: filterGradient,
};
