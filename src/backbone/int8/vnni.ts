// How many bits weights may have: some processors add pairs of byte products in 16 bits, which saturates.
// Found by a trial computation.
import { readFileSync } from 'node:fs';
import { GraphBuilder } from '../../engine/onnx.js';
import { Session } from '../../engine/session.js';
import type { WeightBits } from './quantise.js';

export interface Int8Support {
  /** 8, or 7 if sums of two products of 8-bit weights saturate. */
  readonly bits: WeightBits;
  /** Description for `verydeep doctor`. */
  readonly reason: string;
}

const CHANNELS = 64;
const LARGEST = 255 * 127; // A product of bytes; two of them do not fit 16 bits.

/** Whether a matrix product and a convolution of the largest bytes give the right sums. */
const sumsAreExact = (): boolean => {
  const graph = new GraphBuilder();
  const pixels = graph.input('x', 'uint8', [CHANNELS, CHANNELS]);
  const data = new Int8Array(CHANNELS * CHANNELS).fill(127);
  const weights = (name: string, dims: number[]): string =>
    graph.constant(name, { type: 'int8', dims, data });
  const product = graph.node('MatMulInteger', [pixels, weights('matrix', [CHANNELS, CHANNELS])]);
  // The sums, scaled to bytes: a right one becomes 200.
  const maps = graph.node('Reshape', [pixels, graph.ints(1, CHANNELS, 8, 8)]);
  const [zero, zero8] = [
    graph.constant('zero', { type: 'uint8', dims: [], data: Uint8Array.of(0) }),
    graph.constant('zero8', { type: 'int8', dims: [], data: Int8Array.of(0) }),
  ];
  const kernels = weights('kernels', [CHANNELS, CHANNELS, 1, 1]);
  const level = graph.scalar((CHANNELS * LARGEST) / 200);
  const sums = graph.node(
    'QLinearConv',
    [maps, graph.scalar(1), zero, kernels, graph.scalar(1), zero8, level, zero],
    { kernel_shape: [1, 1] },
  );
  const outputs = [
    graph.output(product, 'int32', [CHANNELS, CHANNELS]),
    graph.output(sums, 'uint8', [1, CHANNELS, 8, 8]),
  ];
  const session = Session.create(graph.model(), { threads: 1 });
  try {
    const x = new Uint8Array(CHANNELS * CHANNELS).fill(255);
    const result = session.run({ x: { type: 'uint8', dims: [CHANNELS, CHANNELS], data: x } });
    const [products, bytes] = outputs.map((name) => [...(result[name]!.data as Int32Array | Uint8Array)]);
    return products!.every((sum) => sum === CHANNELS * LARGEST) && bytes!.every((byte) => byte === 200);
  } finally {
    session.close();
  }
};

const cpuFlags = (): ReadonlySet<string> => {
  try {
    const line = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return new Set(line.trim().split(/\s+/));
  } catch {
    return new Set();
  }
};

/** The conclusion from a trial; the processor's flags only affect the wording. */
export const supportOf = (exact: boolean, flags: ReadonlySet<string>): Int8Support => {
  if (!exact) {
    return {
      bits: 7,
      reason: 'no VNNI: 7-bit weights, since sums of two byte products overflow on this processor; slower',
    };
  }
  const vnni = ['avx512_vnni', 'avx_vnni'].find((flag) => flags.has(flag));
  return {
    bits: 8,
    reason: vnni === undefined ? '8-bit weights: sums are exact' : `8-bit weights at full speed: ${vnni}`,
  };
};

let found: Int8Support | undefined;

/**
 * Reports which int8 arithmetic this machine has.
 *
 * @throws VerydeepError when ONNX Runtime cannot be loaded
 */
export const int8Support = (): Int8Support => (found ??= supportOf(sumsAreExact(), cpuFlags()));
