// The gradient of a filter over narrow maps. The positions of a batch are in the order row, column, image, without zeros between them: a
// shift by rows is an offset into x, which has rows of zeros before and after; for each shift by columns there is a copy of dy.
import { symbolicDims } from '../../../onnx.js';
import { reorderInput } from '../../nchwc.js';
import type { PooledBuffer } from '../../pool.js';
import { convolutionShapeOf } from '../geometry.js';
import type { FilterGradient } from '../operands.js';
import { multiply } from './nchwc-products.js';

/** x in NCHWc blocks of positions, with rows of zeros before and after. */
const reorderImage = (
  { backend, x, info }: FilterGradient,
  top: number,
  height: number,
  target: PooledBuffer,
): void => {
  const { batchSize, inHeight, inWidth, inChannels } = info;
  const blockSize = backend.nchwcBlock;
  const row = inWidth * batchSize;
  target.memory.fill(0, 0, top * row * inChannels);
  target.memory.fill(0, (top + inHeight) * row * inChannels, height * row * inChannels);
  const source = backend.nchwcOf(x);
  backend.run(
    `FilterGradient:image:${source ? 'NCHWc' : 'NHWC'}:${inHeight * row}:${inChannels}`,
    (g) => {
      const input = g.input('x', 'float32', symbolicDims('x', source ? 5 : 4));
      const ordered = g.node('Transpose', [input], { perm: source ? [2, 3, 0, 1, 4] : [1, 2, 0, 3] });
      const matrix = g.node('Reshape', [ordered, g.ints(1, inHeight * row, inChannels, 1)]);
      g.output(reorderInput(g, matrix, 'NCHW'), 'float32', symbolicDims('y', 4));
    },
    [
      source
        ? source.value([batchSize, inChannels / blockSize, inHeight, inWidth, blockSize])
        : backend.native(x),
    ],
    [target.value([1, inHeight * row, inChannels, 1], top * row * inChannels)],
  );
};

/** dy in NCHWc blocks of channels, a copy for each shift by columns, as wide as x. */
const reorderFilters = (
  { backend, dy, info }: FilterGradient,
  shifts: readonly number[],
  target: PooledBuffer,
): void => {
  const { batchSize, inWidth, outHeight, outWidth, outChannels } = info;
  const blockSize = backend.nchwcBlock;
  const source = backend.nchwcOf(dy);
  backend.run(
    `FilterGradient:filters:${source ? 'NCHWc' : 'NHWC'}:${shifts.join()}:${inWidth - outWidth}`,
    (g) => {
      const input = g.input('dy', 'float32', symbolicDims('x', 5));
      const ordered = g.node('Transpose', [input], { perm: source ? [1, 2, 3, 0, 4] : [3, 1, 2, 0, 4] });
      for (const shift of shifts) {
        const [before, after] = [shift, inWidth - outWidth - shift];
        const ends = g.ints(0, 0, before, 0, 0, 0, 0, after, 0, 0);
        const isWhole = before === 0 && after === 0;
        g.output(isWhole ? ordered : g.node('Pad', [ordered, ends]), 'float32', symbolicDims('y', 5));
      }
    },
    [
      source
        ? source.value([batchSize, outChannels / blockSize, outHeight, outWidth, blockSize])
        : backend.native(dy, [batchSize, outHeight, outWidth, outChannels / blockSize, blockSize]),
    ],
    target.values([outChannels / blockSize, outHeight, inWidth, batchSize, blockSize], shifts.length),
  );
};

/** Computes the gradient. */
export const ofNarrowMaps = (gradient: FilterGradient): void => {
  const { backend, info } = gradient;
  const { kernel, dilations, pads, inChannels, outChannels } = convolutionShapeOf(info);
  const { batchSize, inHeight, inWidth, outHeight } = info;
  const row = inWidth * batchSize;
  const positions = outHeight * row;
  const top = pads[0];
  const height = Math.max(top + inHeight, outHeight + (kernel[0] - 1) * dilations[0]);
  const shifts = Array.from({ length: kernel[1] }, (_, j) => j * dilations[1] - pads[1]);
  backend.withWorkspace(height * row * inChannels, (image) => {
    reorderImage(gradient, top, height, image);
    backend.withWorkspace(kernel[1] * positions * outChannels, (filters) => {
      reorderFilters(gradient, shifts, filters);
      const rows = Array.from({ length: kernel[0] }, (_, i) => i * dilations[0] * row * inChannels);
      const views = rows.map((offset) => [image, offset] as const);
      multiply(gradient, positions, views, [[filters, 0]], kernel[1]);
    });
  });
};
