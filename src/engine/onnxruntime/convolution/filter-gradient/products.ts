// The gradient of a filter by matrix products: of a 1 x 1 filter, and for each position of a filter where there is no NCHWc.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type GraphBuilder, symbolicDims } from '../../../onnx.js';
import type { PooledBuffer } from '../../pool.js';
import type { FilterGradient } from '../operands.js';

/** A product of one factor with the other, one of them transposed. */
const product =
  (dims: readonly [x: readonly string[], dy: readonly string[]], transposed: 'transA' | 'transB') =>
  (g: GraphBuilder): void => {
    const factors = [g.input('x', 'float32', dims[0]), g.input('dy', 'float32', dims[1])];
    const result = g.node('FusedMatMul', factors, { [transposed]: 1 }, { domain: 'com.microsoft' });
    g.output(result, 'float32', ['i', 'o']);
  };

/** Of a 1 x 1 filter: the product over all positions of the batch. */
export const byProduct = ({ backend, x, dy, dw, info }: FilterGradient): void => {
  const { batchSize, outHeight, outWidth, inChannels, outChannels } = info;
  const positions = batchSize * outHeight * outWidth;
  backend.compute(
    'FilterGradient:pointwise',
    product(
      [
        ['p', 'i'],
        ['p', 'o'],
      ],
      'transA',
    ),
    [
      [x, [positions, inChannels]],
      [dy, [positions, outChannels]],
    ],
    [[dw, [inChannels, outChannels]]],
  );
};

/**
 * Strides of one: x and dy are padded to the same height and width and transposed to channels first. Then dW at (i, j) is
 * x, shifted by i rows and j columns, times dy; a shift is an offset into the same buffer, so nothing is copied. Where a
 * shifted row runs into the next one, dy is zero.
 */
export const byShifts = ({ backend, x, dy, dw, info }: FilterGradient): void => {
  const { batchSize, inChannels, outChannels, inHeight, inWidth, outHeight, outWidth } = info;
  const { top, left } = info.padInfo;
  const height = outHeight + info.effectiveFilterHeight - 1;
  const width = outWidth + info.effectiveFilterWidth - 1;
  const length = batchSize * height * width;
  const margin = (info.effectiveFilterHeight - 1) * width + info.effectiveFilterWidth - 1;
  const padAndTranspose = (
    tensor: TensorInfo,
    channels: number,
    pads: readonly [number, number, number, number],
    target: PooledBuffer,
  ): void => {
    backend.run(
      `FilterGradient:transpose:${pads.join()}`,
      (g) => {
        const input = g.input('x', 'float32', symbolicDims('x', 4));
        const [t, l, b, r] = pads;
        const padded = g.node('Pad', [input, g.ints(0, t, l, 0, 0, b, r, 0)]);
        const result = g.node('Transpose', [padded], { perm: [3, 0, 1, 2] });
        g.output(result, 'float32', symbolicDims('y', 4));
      },
      [backend.native(tensor)],
      [target.value([channels, batchSize, height, width])],
    );
  };
  backend.withWorkspace(inChannels * length + margin, (input) => {
    backend.withWorkspace(outChannels * length, (gradient) => {
      padAndTranspose(x, inChannels, [top, left, height - top - inHeight, width - left - inWidth], input);
      padAndTranspose(dy, outChannels, [0, 0, height - outHeight, width - outWidth], gradient);
      input.memory.fill(0, inChannels * length, inChannels * length + margin);
      const right = gradient.value([outChannels, length]);
      const target = backend.buffer(dw);
      for (let i = 0; i < info.filterHeight; i++) {
        for (let j = 0; j < info.filterWidth; j++) {
          const shift = i * info.dilationHeight * width + j * info.dilationWidth;
          const position = i * info.filterWidth + j;
          backend.run(
            'FilterGradient:product',
            product(
              [
                ['i', 'p'],
                ['o', 'p'],
              ],
              'transB',
            ),
            [input.value([inChannels, length], shift), right],
            [target.value([inChannels, outChannels], position * inChannels * outChannels)],
          );
        }
      }
    });
  });
};
