// Whether this library and processor have fast convolution in NCHWc, and with which block size: found out by trying.
import { messageOf } from '../../errors.js';
import { sizeFromShape } from '../../shape.js';
import { GraphBuilder } from '../onnx.js';
import { NativeSession, Value } from '../ort.js';
import { fromNchwc, nchwcConvolution, packFilter, toNchwc } from './convolution/nchwc-graph.js';
import { reorderInput } from './nchwc.js';

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

/** The block size: how many channels four become in NCHWc. */
const findBlockSize = (): number =>
  evaluate(
    (g) => {
      const x = g.input('x', 'float32', [1, 1, 1, 4]);
      g.output(reorderInput(g, x, 'NHWC'), 'float32', ['n', 'c', 'h', 'w']);
    },
    [ones(1, 1, 1, 4)],
  ).dims[1]!;

/** Whether a 3 x 3 convolution of ones with ones over 2 x 2 positions gives 4 for each input channel. */
const isNchwcConvolutionRight = (blockSize: number): boolean => {
  const channels = 2 * blockSize;
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
      const x = toNchwc(g, g.input('x', 'float32', [1, 2, 2, channels]), channels, blockSize);
      const w = g.input('w', 'float32', [9, channels, 1, channels]);
      const filter = packFilter(g, w, shape, blockSize, false);
      const y = nchwcConvolution(g, x, filter, undefined, shape, blockSize, false);
      g.output(fromNchwc(g, y, channels), 'float32', ['n', 'h', 'w', 'c']);
    },
    [ones(1, 2, 2, channels), ones(9, channels, 1, channels)],
  );
  return (data as Float32Array).every((value) => value === 4 * channels);
};

/** What was found. */
interface ProbeResult {
  /** Channels of an NCHWc block; 0 where there is no fast convolution. */
  readonly blockSize: number;
  /** The block size in words, or why there is none. */
  readonly reason: string;
}

/** Tries the operators on NCHWc. Never throws: without them, the general convolution is used. */
export const probe = (): ProbeResult => {
  if (process.env['VERYDEEP_BLOCK_SIZE'] === '0')
    return { blockSize: 0, reason: 'switched off by VERYDEEP_BLOCK_SIZE=0' };
  try {
    const blockSize = findBlockSize();
    if (blockSize < 8) return { blockSize: 0, reason: 'this processor has no convolution in NCHWc' };
    if (!isNchwcConvolutionRight(blockSize))
      return { blockSize: 0, reason: 'the convolution in NCHWc gives wrong results here' };
    return { blockSize, reason: `NCHWc blocks of ${blockSize} channels` };
  } catch (error) {
    return { blockSize: 0, reason: `no convolution in NCHWc in this library (${messageOf(error)})` };
  }
};
