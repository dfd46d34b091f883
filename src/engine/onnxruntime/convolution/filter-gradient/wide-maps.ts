// The gradient of a filter over wide maps. x and dy are brought to one height and width, with as many zero columns and rows between rows
// and images as the padding is wide: what is shifted beyond an edge meets zeros. A shift is an offset into dy.
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { symbolicDims } from '../../../onnx.js';
import type { Value } from '../../../ort.js';
import type { OnnxRuntimeBackend } from '../../backend.js';
import { nchwcValue, reorderInput } from '../../nchwc.js';
import type { PooledBuffer } from '../../pool.js';
import { convolutionShapeOf } from '../geometry.js';
import { fromNchwc } from '../nchwc-graph.js';
import type { FilterGradient } from '../operands.js';
import { multiply } from './nchwc-products.js';

/** Height and width of the maps with their zeros, and all positions of the batch, rounded up to whole NCHWc blocks. */
interface PaddedMaps {
  readonly height: number;
  readonly width: number;
  readonly positions: number;
}

/** Brings a tensor to NCHWc. */
const reorder = (backend: OnnxRuntimeBackend, source: Value, from: 'NHWC' | 'NCHW', target: Value): void =>
  backend.run(
    `FilterGradient:reorder:${from}:${source.dims.join()}`,
    (g) => {
      const input = g.input('x', 'float32', source.dims);
      g.output(reorderInput(g, input, from), 'float32', symbolicDims('y', 4));
    },
    [source],
    [target],
  );

/** Brings a tensor to NHWC with zero rows and columns after its own. */
const pad = (
  { backend, info }: FilterGradient,
  tensor: TensorInfo,
  { height, width }: PaddedMaps,
  target: PooledBuffer,
): void => {
  const [, rows, columns, channels] = tensor.shape as [number, number, number, number];
  const source = backend.nchwcOf(tensor);
  backend.run(
    `FilterGradient:pad:${source ? channels : ''}:${height - rows}:${width - columns}`,
    (g) => {
      const input = g.input('x', 'float32', symbolicDims('x', 4));
      const ends = g.ints(0, 0, 0, 0, 0, height - rows, width - columns, 0);
      const nhwc = source ? fromNchwc(g, input, channels) : input;
      g.output(g.node('Pad', [nhwc, ends]), 'float32', symbolicDims('y', 4));
    },
    [source ? nchwcValue(source, tensor.shape) : backend.native(tensor)],
    [target.value([info.batchSize, height, width, channels])],
  );
};

/** x in NCHWc blocks of positions. */
const reorderImage = (gradient: FilterGradient, maps: PaddedMaps, target: Value): void => {
  const { backend, x, info } = gradient;
  const { inChannels: channels, batchSize } = info;
  const { height, width, positions } = maps;
  backend.withWorkspace(positions * channels, (padded) => {
    padded.memory.fill(0, batchSize * height * width * channels, positions * channels);
    pad(gradient, x, maps, padded);
    reorder(backend, padded.value([1, positions, channels, 1]), 'NCHW', target);
  });
};

/** dy in NCHWc blocks of channels, each with the positions of the whole batch. */
const reorderFilter = (
  gradient: FilterGradient,
  maps: PaddedMaps,
  target: PooledBuffer,
  offset: number,
): void => {
  const { backend, dy, info } = gradient;
  const { batchSize, outHeight, outWidth, outChannels } = info;
  const { height, width, positions } = maps;
  const blockSize = backend.nchwcBlock;
  const source = backend.nchwcOf(dy);
  if (source && positions === batchSize * height * width) {
    backend.run(
      `FilterGradient:blocks:${height - outHeight}:${width - outWidth}`,
      (g) => {
        const input = g.input('x', 'float32', symbolicDims('x', 5));
        const ordered = g.node('Transpose', [input], { perm: [1, 0, 2, 3, 4] });
        const ends = g.ints(0, 0, 0, 0, 0, 0, 0, height - outHeight, width - outWidth, 0);
        g.output(g.node('Pad', [ordered, ends]), 'float32', symbolicDims('y', 5));
      },
      [source.value([batchSize, outChannels / blockSize, outHeight, outWidth, blockSize])],
      [target.value([outChannels / blockSize, batchSize, height, width, blockSize], offset)],
    );
    return;
  }
  backend.withWorkspace(positions * outChannels, (padded) => {
    padded.memory.fill(0, batchSize * height * width * outChannels, positions * outChannels);
    pad(gradient, dy, maps, padded);
    reorder(
      backend,
      padded.value([1, positions / blockSize, blockSize, outChannels]),
      'NHWC',
      target.value([1, outChannels, positions / blockSize, blockSize], offset),
    );
  });
};

/** Computes the gradient. `lead` and `tail` are the zeros that the first and the last block of dy's channels are shifted into. */
export const ofWideMaps = (gradient: FilterGradient): void => {
  const { backend, info } = gradient;
  const blockSize = backend.nchwcBlock;
  const { kernel, dilations, pads, inChannels, outChannels } = convolutionShapeOf(info);
  const height = Math.max(info.inHeight + Math.max(pads[0], pads[2]), info.outHeight);
  const width = Math.max(info.inWidth + Math.max(pads[1], pads[3]), info.outWidth);
  const positions = Math.ceil((info.batchSize * height * width) / blockSize) * blockSize;
  const rows = Array.from({ length: kernel[0] }, (_, i) => (i * dilations[0] - pads[0]) * width);
  const columns = Array.from({ length: kernel[1] }, (_, j) => j * dilations[1] - pads[1]);
  const shifts = rows.flatMap((i) => columns.map((j) => i + j));
  const lead = Math.max(0, ...shifts) * blockSize;
  const tail = Math.max(0, -Math.min(...shifts)) * blockSize;
  const maps = { height, width, positions };
  backend.withWorkspace(positions * inChannels, (image) => {
    backend.withWorkspace(lead + positions * outChannels + tail, (filters) => {
      reorderImage(gradient, maps, image.value([1, positions, inChannels, 1]));
      filters.memory.fill(0, 0, lead);
      filters.memory.fill(0, lead + positions * outChannels, lead + positions * outChannels + tail);
      reorderFilter(gradient, maps, filters, lead);
      const views = shifts.map((shift) => [filters, lead - shift * blockSize] as const);
      multiply(gradient, positions, [[image, 0]], views, 1);
    });
  });
};
