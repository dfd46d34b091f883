// Runs a net of others in ONNX on one image: the input as its preprocessing says, the outputs pooled to vectors.
import { Session, type SessionOptions } from '../../engine/session.js';
import type { SharedSession } from '../../engine/shared-slots.js';
import type { Tensor } from '../../engine/tensor.js';
import { UsageError } from '../../errors.js';
import { decodeFloat16, encodeFloat16 } from '../../formats/float16.js';
import { flip as mirrored } from '../../images/crop.js';
import type { RgbImage } from '../../images/image.js';
import type { Pooling, Preprocess } from '../store/recipe.js';
import { type Runner, SESSION } from './session.js';

/** A net, as sent to worker threads. */
export interface ForeignSpec {
  readonly kind: 'foreign';
  readonly model: Uint8Array;
  readonly externalDataFolder: string;
  readonly input: {
    readonly name: string;
    readonly layout: 'nchw' | 'nhwc';
    readonly type: 'float32' | 'float16' | 'uint8';
  };
  readonly outputs: readonly string[];
  readonly preprocess: Preprocess;
  readonly pooling: Pooling;
  readonly flip: boolean;
  readonly options: Pick<SessionOptions, 'threads' | 'provider' | 'gpu'>;
  /** The session of another thread to use instead. */
  readonly shared?: SharedSession;
}

/** The input's value for each channel and value of a pixel. */
const valuesOf = ({ factor, mean, std }: Preprocess): Float32Array[] =>
  [0, 1, 2].map((c) =>
    Float32Array.from({ length: 256 }, (_, value) => (value * factor - mean[c]!) / std[c]!),
  );

/** The image as the net's input. */
const inputOf = (
  { width, height, data }: RgbImage,
  { layout, type }: ForeignSpec['input'],
  order: Preprocess['order'],
  values: readonly Float32Array[],
): Tensor => {
  const pixels = width * height;
  const dims = layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
  const channels = order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  const filled = <T extends Float32Array | Uint8Array>(
    target: T,
    valueOf: (c: number, v: number) => number,
  ): T => {
    channels.forEach((from, c) => {
      const [start, step] = layout === 'nchw' ? [c * pixels, 1] : [c, 3];
      for (let i = 0; i < pixels; i++) target[start + i * step] = valueOf(c, data[3 * i + from]!);
    });
    return target;
  };
  if (type === 'uint8') return { type, dims, data: filled(new Uint8Array(3 * pixels), (_, v) => v) };
  const floats = filled(new Float32Array(3 * pixels), (c, v) => values[c]![v]!);
  return type === 'float32' ? { type, dims, data: floats } : { type, dims, data: encodeFloat16(floats) };
};

/** Joins vectors in rows, or for each channel a run of values. */
const pooled = (
  count: number,
  channels: number,
  valueAt: (position: number, channel: number) => number,
  pooling: Pooling,
): Float32Array =>
  Float32Array.from({ length: channels }, (_, c) => {
    if (pooling === 'first') return valueAt(0, c);
    let sum = pooling === 'max' ? -Infinity : 0;
    for (let i = 0; i < count; i++)
      sum = pooling === 'max' ? Math.max(sum, valueAt(i, c)) : sum + valueAt(i, c);
    return pooling === 'max' ? sum : sum / count;
  });

/** An output as one vector: of a map over its positions, of tokens over them. */
const vectorOf = (
  name: string,
  { type, dims, data }: Tensor,
  layout: 'nchw' | 'nhwc',
  pooling: Pooling,
): Float32Array => {
  const numbers =
    type === 'float32'
      ? (data as Float32Array)
      : type === 'float16'
        ? decodeFloat16(data as Uint16Array)
        : undefined;
  const rank = dims.length;
  if (!numbers || rank < 1 || rank > 4 || (rank > 1 && dims[0] !== 1)) {
    throw new UsageError(
      `Expected a vector, tokens or a map of floating-point numbers in the output ${name} but received ${type} [${dims.join(', ')}].`,
    );
  }
  if (rank < 3) return numbers;
  if (rank === 4 && layout === 'nchw') {
    const [, channels = 0, height = 0, width = 0] = dims;
    const count = height * width;
    return pooled(count, channels, (i, c) => numbers[c * count + i]!, pooling);
  }
  const channels = dims.at(-1)!;
  return pooled(numbers.length / channels, channels, (i, c) => numbers[i * channels + c]!, pooling);
};

/** A net on ONNX Runtime. @throws UsageError if an output is neither a vector, nor tokens, nor a map */
export const foreignRunner = (spec: ForeignSpec): Runner => {
  const { model, shared, input, outputs, preprocess, pooling, flip, options, externalDataFolder } = spec;
  const session = shared
    ? Session.attach(shared)
    : Session.create(model, { ...options, ...SESSION, externalDataFolder });
  const values = valuesOf(preprocess);
  const describe = (image: RgbImage): Float32Array[] => {
    const result = session.run({ [input.name]: inputOf(image, input, preprocess.order, values) });
    return outputs.map((name) => vectorOf(name, result[name]!, input.layout, pooling));
  };
  return {
    ...((options.provider ?? 'cpu') === 'cpu' && { share: () => session.share() }),
    // eslint-disable-next-line @typescript-eslint/require-await -- what fails rejects
    run: async (image) => {
      const vectors = describe(image);
      if (!flip) return vectors;
      const others = describe(mirrored(image));
      return vectors.map((vector, i) => vector.map((x, k) => (x + others[i]![k]!) / 2));
    },
    close: () => session.close(),
  };
};
