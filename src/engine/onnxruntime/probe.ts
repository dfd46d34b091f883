// What this library and processor offer, found out by trying: the blocked convolution layout and its block size.
import { messageOf } from '../../errors.js';
import { GraphBuilder } from '../onnx.js';
import { NativeSession, Value } from '../ort.js';
import type { Capabilities } from './backend.js';
import { blockFilter, blockedConvolution, fromBlocked, toBlocked } from './convolution/nchwc.js';
import { sizeFromShape } from '../../shape.js';

const evaluate = (
  build: (g: GraphBuilder) => void,
  inputs: readonly Value[],
): { dims: number[]; data: unknown } => {
  const g = new GraphBuilder();
  build(g);
  const session = new NativeSession(g.model(), { threads: 1, optimization: 'basic' });
  try {
    return session.evaluate(inputs)[0]!;
  } finally {
    session.close();
    for (const value of inputs) value.release();
  }
};

const ones = (...dims: number[]): Value =>
  new Value(new Float32Array(sizeFromShape(dims)).fill(1), 'float32', dims);

/** Channels that four become in the blocked layout: the size of a block. */
const findBlockSize = (): number =>
  evaluate(
    (g) => {
      const x = g.input('x', 'float32', [1, 1, 1, 4]);
      const options = { domain: 'com.microsoft.nchwc' };
      g.output(g.node('ReorderInput', [x], { channels_last: 1 }, options), 'float32', ['n', 'c', 'h', 'w']);
    },
    [ones(1, 1, 1, 4)],
  ).dims[1]!;

/** Whether a blocked convolution of ones with ones counts right: 3 x 3 over 2 x 2 sees 4 positions of each channel. */
const isBlockedConvolutionRight = (block: number): boolean => {
  const channels = 2 * block;
  const shape = {
    kernel: [3, 3],
    inChannels: channels,
    outChannels: channels,
    strides: [1, 1],
    dilations: [1, 1],
    pads: [1, 1, 1, 1],
  } as const;
  const { data } = evaluate(
    (g) => {
      const x = g.input('x', 'float32', [1, 2, 2, channels]);
      const w = g.input('w', 'float32', [3, 3, channels, channels]);
      const filter = blockFilter(g, w, shape, block);
      const y = blockedConvolution(
        g,
        toBlocked(g, x, channels, block),
        filter,
        undefined,
        shape,
        block,
        false,
      );
      g.output(fromBlocked(g, y, channels), 'float32', ['n', 'h', 'w', 'c']);
    },
    [ones(1, 2, 2, channels), ones(3, 3, channels, channels)],
  );
  return (data as Float32Array).every((value) => value === 4 * channels);
};

/** What was found, and why where something is missing. */
export interface ProbeResult extends Capabilities {
  readonly reason: string;
}

/** Tries the blocked operators. Never throws for a missing one: the general path works everywhere. */
export const probe = (): ProbeResult => {
  if (process.env['VERYDEEP_BLOCK_SIZE'] === '0')
    return { blockSize: 0, reason: 'switched off by VERYDEEP_BLOCK_SIZE=0' };
  try {
    const blockSize = findBlockSize();
    if (blockSize < 8) return { blockSize: 0, reason: 'this processor has no blocked convolution' };
    if (!isBlockedConvolutionRight(blockSize))
      return { blockSize: 0, reason: 'the blocked convolution gives wrong results here' };
    return { blockSize, reason: `blocks of ${blockSize} channels` };
  } catch (error) {
    return { blockSize: 0, reason: `no blocked convolution in this library (${messageOf(error)})` };
  }
};
