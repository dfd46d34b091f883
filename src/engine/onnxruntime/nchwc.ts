// The layout NCHWc, in which ONNX Runtime's fastest operators take tensors: [n, c / block, h, w, block]. The block is 16 channels with AVX-512, 8 with AVX2.
import type { GraphBuilder } from '../onnx.js';
import type { Value } from '../ort.js';
import type { PooledBuffer } from './pool.js';
import type { Sessions } from './sessions.js';

/** The domain of ONNX Runtime's operators on NCHWc. */
export const NCHWC_DOMAIN = 'com.microsoft.nchwc';

const options = { domain: NCHWC_DOMAIN };

/** Whether a tensor of this shape, NHWC, can be in NCHWc without padding. A block size of 0: there is no such layout. */
export const hasNchwc = (blockSize: number, shape: readonly number[]): boolean =>
  blockSize > 0 && shape.length === 4 && shape[3]! % blockSize === 0;

/** A tensor in NCHWc as graphs declare it: [n, c, h, w], for the NHWC shape [n, h, w, c] with whole blocks of channels. */
export const nchwcValue = (buffer: PooledBuffer, shape: readonly number[]): Value => {
  const [n, h, w, c] = shape as [number, number, number, number];
  return buffer.value([n, c, h, w]);
};

/** Adds the operator from NHWC, or NCHW, to NCHWc. Channels must be a multiple of four; the last block is filled with zeros. */
export const reorderInput = (g: GraphBuilder, x: string, from: 'NHWC' | 'NCHW'): string =>
  g.node('ReorderInput', [x], { channels_last: Number(from === 'NHWC') }, options);

/** Adds the operator from NCHWc to NHWC, or NCHW, of this many channels. */
export const reorderOutput = (g: GraphBuilder, x: string, channels: number, to: 'NHWC' | 'NCHW'): string =>
  g.node('ReorderOutput', [x], { channels, channels_last: Number(to === 'NHWC') }, options);

/** Brings a tensor of this NHWC shape from NCHWc to NHWC. */
export const nchwcToNhwc = (
  sessions: Sessions,
  source: PooledBuffer,
  target: PooledBuffer,
  shape: readonly number[],
): void => {
  const channels = shape[3]!;
  sessions.run(
    `Layout:NHWC:${channels}`,
    (g) => {
      const x = g.input('x', 'float32', ['n', channels, 'h', 'w']);
      g.output(reorderOutput(g, x, channels, 'NHWC'), 'float32', ['n', 'h', 'w', channels]);
    },
    [nchwcValue(source, shape)],
    [target.value(shape)],
  );
};

/** Brings a tensor of this NHWC shape from NHWC to NCHWc. */
export const nhwcToNchwc = (
  sessions: Sessions,
  source: Value,
  target: PooledBuffer,
  shape: readonly number[],
): void => {
  const channels = shape[3]!;
  sessions.run(
    `Layout:NCHWc:${channels}`,
    (g) => {
      const x = g.input('x', 'float32', ['n', 'h', 'w', channels]);
      g.output(reorderInput(g, x, 'NHWC'), 'float32', ['n', channels, 'h', 'w']);
    },
    [source],
    [nchwcValue(target, shape)],
  );
};
