// A tensor's numbers in rows (NHWC), as tfjs reads them, or in blocks of channels, as the fast convolution does.
import type { Value } from '../ort.js';
import type { OnnxRuntimeBackend } from './backend.js';
import { DOMAIN } from './convolution/nchwc.js';
import type { Block } from './pool.js';

/** How graphs of the blocked layout see a tensor of the shape [n, h, w, c], c whole blocks: the numbers lie as [n, c / block, h, w, block]. */
export const blockedValue = (block: Block, shape: readonly number[], offset = 0): Value => {
  const [n, h, w, c] = shape as [number, number, number, number];
  return block.value([n, c, h, w], offset);
};

/** Whether a tensor of this shape has a blocked layout without padding. */
export const hasBlocks = ({ capabilities }: OnnxRuntimeBackend, shape: readonly number[]): boolean =>
  capabilities.blockSize > 0 && shape.length === 4 && shape[3]! % capabilities.blockSize === 0;

export const blocksToRows = (
  backend: OnnxRuntimeBackend,
  source: Block,
  target: Block,
  shape: readonly number[],
): void => {
  const channels = shape[3]!;
  backend.run(
    `Layout:rows:${channels}`,
    (g) => {
      const x = g.input('x', 'float32', ['n', channels, 'h', 'w']);
      const options = { domain: DOMAIN };
      g.output(g.node('ReorderOutput', [x], { channels, channels_last: 1 }, options), 'float32', [
        ...['n', 'h', 'w'],
        channels,
      ]);
    },
    [blockedValue(source, shape)],
    [target.value(shape)],
  );
};

export const rowsToBlocks = (
  backend: OnnxRuntimeBackend,
  source: Value,
  target: Block,
  shape: readonly number[],
): void => {
  const channels = shape[3]!;
  backend.run(
    `Layout:blocks:${channels}`,
    (g) => {
      const x = g.input('x', 'float32', ['n', 'h', 'w', channels]);
      const blocks = g.node('ReorderInput', [x], { channels_last: 1 }, { domain: DOMAIN });
      g.output(blocks, 'float32', ['n', channels, 'h', 'w']);
    },
    [source],
    [blockedValue(target, shape)],
  );
};
