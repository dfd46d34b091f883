// The products of a filter's gradient as NCHWc convolutions. dW at (i, j) is a 1 x 1 convolution whose "channels" are the positions of
// the batch, whose "image" is x's channels and whose "filter" is dy: in NCHWc, dy already is such a filter, and a shift is an offset into
// it. So x and dy are reordered once for the products of all positions of the filter.
import type { PooledBuffer } from '../../pool.js';
import { fromNchwc, nchwcConvolution } from '../nchwc-graph.js';
import type { FilterGradient } from '../operands.js';

/** Columns of the image as which x's channels are seen, at most. */
const MOST_COLUMNS = 16;

/** A number of channels as height and width of an image: threads share the rows of an image only if it has columns too. */
const imageOf = (channels: number): readonly [height: number, width: number] => {
  let width = Math.min(MOST_COLUMNS, Math.max(1, channels >> 1));
  while (channels % width !== 0) width--;
  return [channels / width, width];
};

/** A tensor from `offset` on in a buffer. */
type BufferView = readonly [buffer: PooledBuffer, offset: number];

/**
 * Computes the products for all positions of the filter in reading order.
 *
 * @param positions summed over, whole NCHWc blocks of them
 * @param images x in NCHWc blocks of positions: a view for each row of the filter, or one for all
 * @param filters dy in NCHWc blocks of channels: a view for each position of the filter, or one for all
 * @param width how many dys follow each other at each of `filters`, for neighbouring positions of the filter
 */
export const multiply = (
  { backend, dw, info }: FilterGradient,
  positions: number,
  images: readonly BufferView[],
  filters: readonly BufferView[],
  width: number,
): void => {
  const { inChannels, outChannels } = info;
  const [rows, columns] = imageOf(inChannels);
  const channels = width * outChannels;
  const imageDims = [1, positions, rows, columns];
  const filterDims = [channels, positions, 1, 1];
  const outDims = [width, rows, columns, outChannels];
  backend.run(
    `FilterGradient:products:${images.length}:${filters.length}:${width}:${positions}:${inChannels}:${outChannels}`,
    (g) => {
      const xs = images.map((_, i) => g.input(`x${i}`, 'float32', imageDims));
      const dys = filters.map((_, i) => g.input(`dy${i}`, 'float32', filterDims));
      const pointwise = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] } as const;
      const shape = { ...pointwise, inChannels: positions, outChannels: channels };
      for (const x of xs) {
        for (const dy of dys) {
          const joined = nchwcConvolution(g, x, dy, undefined, shape, backend.nchwcBlock, false);
          const separate =
            width === 1 ? joined : g.node('Reshape', [joined, g.ints(width, outChannels, rows, columns)]);
          g.output(fromNchwc(g, separate, outChannels), 'float32', outDims);
        }
      }
    },
    [
      ...images.map(([buffer, offset]) => buffer.value(imageDims, offset)),
      ...filters.map(([buffer, offset]) => buffer.value(filterDims, offset)),
    ],
    backend.buffer(dw).values(outDims, images.length * filters.length),
  );
};
