// The gradient of a convolution's filter where the library has the blocked layout. dW at (i, j) is a 1 x 1 convolution whose
// "channels" are the positions of the batch, its "image" x's channels and its filter dy: in the blocked layout dy is such a filter as it
// lies, and a shift is an offset. So both tensors are brought into order once for the products of all positions of the filter.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { Value } from '../../../ort.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { free } from '../../kernels/shared/kernel.js';
import { blockedValue } from '../../nchwc.js';
import type { Block } from '../../pool.js';
import { DOMAIN, blockedConvolution, fromBlocked } from '../nchwc.js';
import { type Conv2DInfo, shapeOf } from '../geometry.js';

/** Columns of the image that x's channels are laid out as, at most. */
const IMAGE_WIDTH = 16;
/** Maps up to this many columns are ordered with the batch last: zeros between the columns of smaller ones would cost more than copies. */
const NARROW = 8;

/** A number of channels as height and width of an image: threads share the rows of one that has columns too. */
const imageOf = (channels: number): readonly [height: number, width: number] => {
  let width = Math.min(IMAGE_WIDTH, Math.max(1, channels >> 1));
  while (channels % width !== 0) width--;
  return [channels / width, width];
};

/** The gradient of which filter, and from what: dw = x and dy summed over the batch. */
export interface FilterGradient {
  readonly backend: OnnxRuntimeBackend;
  readonly x: TensorInfo;
  readonly dy: TensorInfo;
  readonly dw: TensorInfo;
  readonly info: Conv2DInfo;
}

/** Where a tensor begins in a block of the pool. */
type Place = readonly [block: Block, offset: number];

/**
 * The products, for all positions of the filter in reading order.
 *
 * @param positions summed over, a multiple of the block
 * @param images where x lies in blocks of positions: one for each row of the filter, or one for all
 * @param filters where dy lies in blocks of channels: one for all, or one for each position
 * @param width dys that lie one behind the other at each of `filters`, for positions that follow one another
 */
const multiply = (
  { backend, dw, info }: FilterGradient,
  positions: number,
  images: readonly Place[],
  filters: readonly Place[],
  width: number,
): void => {
  const { inChannels, outChannels } = info;
  const { blockSize } = backend.capabilities;
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
      const product = { ...pointwise, inChannels: positions, outChannels: channels };
      for (const x of xs) {
        for (const dy of dys) {
          const joined = blockedConvolution(g, x, dy, undefined, product, blockSize, false);
          const parts =
            width === 1 ? joined : g.node('Reshape', [joined, g.ints(width, outChannels, rows, columns)]);
          g.output(fromBlocked(g, parts, outChannels), 'float32', outDims);
        }
      }
    },
    [
      ...images.map(([block, offset]) => block.value(imageDims, offset)),
      ...filters.map(([block, offset]) => block.value(filterDims, offset)),
    ],
    backend.block(dw).values(outDims, images.length * filters.length),
  );
};

/** Brings blocks of an image's channels together; `channelsLast`: the image is NHWC, else NCHW. */
const reorder = (backend: OnnxRuntimeBackend, source: Value, channelsLast: number, target: Value): void =>
  backend.run(
    `FilterGradient:reorder:${channelsLast}:${source.dims.join()}`,
    (g) => {
      const input = g.input('x', 'float32', source.dims);
      const result = g.node('ReorderInput', [input], { channels_last: channelsLast }, { domain: DOMAIN });
      g.output(result, 'float32', free('y', 4));
    },
    [source],
    [target],
  );

/** Rows and columns of the maps with margins, and their positions in the batch, which are whole blocks. */
interface Pitch {
  readonly height: number;
  readonly width: number;
  readonly positions: number;
}

/** Brings a tensor into rows with zero rows and columns between its own. */
const addMargins = (
  { backend, info }: FilterGradient,
  tensor: TensorInfo,
  { height, width }: Pitch,
  target: Block,
): void => {
  const [, rows, columns, channels] = tensor.shape as [number, number, number, number];
  const source = backend.blocksOf(tensor);
  backend.run(
    `FilterGradient:pad:${source ? channels : ''}:${height - rows}:${width - columns}`,
    (g) => {
      const input = g.input('x', 'float32', free('x', 4));
      const ends = g.ints(0, 0, 0, 0, 0, height - rows, width - columns, 0);
      const inRows = source ? fromBlocked(g, input, channels) : input;
      g.output(g.node('Pad', [inRows, ends]), 'float32', free('y', 4));
    },
    [source ? blockedValue(source, tensor.shape) : backend.native(tensor)],
    [target.value([info.batchSize, height, width, channels])],
  );
};

/** x in blocks of positions. */
const arrangeImage = (task: FilterGradient, pitch: Pitch, target: Value): void => {
  const { backend, x, info } = task;
  const { inChannels: channels, batchSize } = info;
  const { height, width, positions } = pitch;
  backend.withScratch(positions * channels, (padded) => {
    padded.memory.fill(0, batchSize * height * width * channels, positions * channels);
    addMargins(task, x, pitch, padded);
    reorder(backend, padded.value([1, positions, channels, 1]), 0, target);
  });
};

/** dy in blocks of channels, each with the positions of the whole batch. */
const arrangeFilter = (task: FilterGradient, pitch: Pitch, target: Block, offset: number): void => {
  const { backend, dy, info } = task;
  const { batchSize, outHeight, outWidth, outChannels } = info;
  const { height, width, positions } = pitch;
  const block = backend.capabilities.blockSize;
  const source = backend.blocksOf(dy);
  if (source && positions === batchSize * height * width) {
    backend.run(
      `FilterGradient:blocks:${height - outHeight}:${width - outWidth}`,
      (g) => {
        const input = g.input('x', 'float32', free('x', 5));
        const ordered = g.node('Transpose', [input], { perm: [1, 0, 2, 3, 4] });
        const ends = g.ints(0, 0, 0, 0, 0, 0, 0, height - outHeight, width - outWidth, 0);
        g.output(g.node('Pad', [ordered, ends]), 'float32', free('y', 5));
      },
      [source.value([batchSize, outChannels / block, outHeight, outWidth, block])],
      [target.value([outChannels / block, batchSize, height, width, block], offset)],
    );
    return;
  }
  backend.withScratch(positions * outChannels, (padded) => {
    padded.memory.fill(0, batchSize * height * width * outChannels, positions * outChannels);
    addMargins(task, dy, pitch, padded);
    reorder(
      backend,
      padded.value([1, positions / block, block, outChannels]),
      1,
      target.value([1, outChannels, positions / block, block], offset),
    );
  });
};

/**
 * Wide maps: x and dy share a pitch with as many zero columns and rows between rows and images as the padding is wide; what is
 * shifted beyond an edge meets them. A shift is an offset into dy; `lead` and the zeros at the end serve the first and the last
 * block of dy's channels.
 */
const withMargins = (task: FilterGradient): void => {
  const { backend, info } = task;
  const block = backend.capabilities.blockSize;
  const { kernel, dilations, pads, inChannels, outChannels } = shapeOf(info);
  const height = Math.max(info.inHeight + Math.max(pads[0], pads[2]), info.outHeight);
  const width = Math.max(info.inWidth + Math.max(pads[1], pads[3]), info.outWidth);
  const positions = Math.ceil((info.batchSize * height * width) / block) * block;
  const rows = Array.from({ length: kernel[0] }, (_, i) => (i * dilations[0] - pads[0]) * width);
  const columns = Array.from({ length: kernel[1] }, (_, j) => j * dilations[1] - pads[1]);
  const shifts = rows.flatMap((i) => columns.map((j) => i + j));
  const lead = Math.max(0, ...shifts) * block;
  const tail = Math.max(0, -Math.min(...shifts)) * block;
  backend.withScratch(positions * inChannels, (image) => {
    backend.withScratch(lead + positions * outChannels + tail, (filters) => {
      arrangeImage(task, { height, width, positions }, image.value([1, positions, inChannels, 1]));
      filters.memory.fill(0, 0, lead);
      filters.memory.fill(0, lead + positions * outChannels, lead + positions * outChannels + tail);
      arrangeFilter(task, { height, width, positions }, filters, lead);
      const places = shifts.map((shift) => [filters, lead - shift * block] as const);
      multiply(task, positions, [[image, 0]], places, 1);
    });
  });
};

/**
 * Narrow maps: the positions of a batch in the order row, column, image, without zeros between. A shift by rows is an offset into
 * x, which has rows of zeros before and after; for a shift by columns there is a copy of dy each, as wide as x.
 */
const withCopies = (task: FilterGradient): void => {
  const { backend, x, dy, info } = task;
  const block = backend.capabilities.blockSize;
  const { kernel, dilations, pads, inChannels, outChannels } = shapeOf(info);
  const { batchSize, inHeight, inWidth, outHeight, outWidth } = info;
  const row = inWidth * batchSize;
  const positions = outHeight * row;
  const top = pads[0];
  const height = Math.max(top + inHeight, outHeight + (kernel[0] - 1) * dilations[0]);
  backend.withScratch(height * row * inChannels, (image) => {
    image.memory.fill(0, 0, top * row * inChannels);
    image.memory.fill(0, (top + inHeight) * row * inChannels, height * row * inChannels);
    const xBlocks = backend.blocksOf(x);
    backend.run(
      `FilterGradient:image:${xBlocks ? 'blocks' : 'rows'}:${inHeight * row}:${inChannels}`,
      (g) => {
        const input = g.input('x', 'float32', free('x', xBlocks ? 5 : 4));
        const rows = g.node('Transpose', [input], { perm: xBlocks ? [2, 3, 0, 1, 4] : [1, 2, 0, 3] });
        const matrix = g.node('Reshape', [rows, g.ints(1, inHeight * row, inChannels, 1)]);
        const result = g.node('ReorderInput', [matrix], { channels_last: 0 }, { domain: DOMAIN });
        g.output(result, 'float32', free('y', 4));
      },
      [
        xBlocks
          ? xBlocks.value([batchSize, inChannels / block, inHeight, inWidth, block])
          : backend.native(x),
      ],
      [image.value([1, inHeight * row, inChannels, 1], top * row * inChannels)],
    );
    const length = positions * outChannels;
    backend.withScratch(kernel[1] * length, (filters) => {
      const dyBlocks = backend.blocksOf(dy);
      const shifts = Array.from({ length: kernel[1] }, (_, j) => j * dilations[1] - pads[1]);
      backend.run(
        `FilterGradient:filters:${dyBlocks ? 'blocks' : 'rows'}:${shifts.join()}:${inWidth - outWidth}`,
        (g) => {
          const input = g.input('dy', 'float32', free('x', 5));
          const ordered = g.node('Transpose', [input], {
            perm: dyBlocks ? [1, 2, 3, 0, 4] : [3, 1, 2, 0, 4],
          });
          for (const shift of shifts) {
            const [before, after] = [shift, inWidth - outWidth - shift];
            const ends = g.ints(0, 0, before, 0, 0, 0, 0, after, 0, 0);
            const isWhole = before === 0 && after === 0;
            g.output(isWhole ? ordered : g.node('Pad', [ordered, ends]), 'float32', free('y', 5));
          }
        },
        [
          dyBlocks
            ? dyBlocks.value([batchSize, outChannels / block, outHeight, outWidth, block])
            : backend.native(dy, [batchSize, outHeight, outWidth, outChannels / block, block]),
        ],
        filters.values([outChannels / block, outHeight, inWidth, batchSize, block], shifts.length),
      );
      multiply(
        task,
        positions,
        Array.from({ length: kernel[0] }, (_, i) => [image, i * dilations[0] * row * inChannels] as const),
        [[filters, 0]],
        kernel[1],
      );
    });
  });
};

/** Strides of one. dy's channels are whole blocks. */
export const byBlocks = (task: FilterGradient): void => {
  const { blockSize } = task.backend.capabilities;
  const { inWidth, batchSize } = task.info;
  const isNarrow = inWidth <= NARROW && (inWidth * batchSize) % blockSize === 0;
  (isNarrow ? withCopies : withMargins)(task);
};
