// Quantisation: 8-bit weights with a scale for each output channel, 32-bit biases and the scales of
// activations, in one file.
import { writeSafetensors, type SafetensorsEntry, openSafetensors } from '../../formats/safetensors.js';
import { UsageError } from '../../errors.js';
import { type Architecture, type WeightedLayer, layersOf } from '../nets/architecture.js';
import type { Backbone, InputNormalisation } from '../nets/backbone.js';
import { interpret, unchanged } from '../nets/interpret.js';
import type { Ranges } from './calibration.js';

/** Bits of a weight: 8, or 7 on processors that add pairs of products in 16 bits and would overflow. */
export type WeightBits = 7 | 8;

/** The metadata of a quantised file. */
interface QuantisedMetadata {
  readonly format: 1;
  /** SHA-256 of the backbone file it was made from. */
  readonly source: string;
  readonly bits: WeightBits;
  /** Largest activation of each layer whose output is stored in 8 bits. */
  readonly ranges: Ranges;
  /** Hash of the calibration images. */
  readonly calibration: string;
}

/** A layer's weights as integers, `weight ≈ integer * scale[output]`. */
interface IntegerWeights {
  readonly integers: Int8Array;
  readonly scale: Float32Array;
}

/**
 * Rounds weights [outputs, rest] to integers with one scale for each output, symmetric about 0.
 *
 * @param bits 8 gives -127…127, 7 gives -63…63
 */
export const quantiseRows = (weights: Float32Array, outputs: number, bits: WeightBits): IntegerWeights => {
  const most = bits === 8 ? 127 : 63;
  const length = weights.length / outputs;
  const integers = new Int8Array(weights.length);
  const scale = new Float32Array(outputs);
  for (let o = 0; o < outputs; o++) {
    const row = weights.subarray(o * length, (o + 1) * length);
    let largest = 0;
    for (const w of row) largest = Math.max(largest, Math.abs(w));
    const step = largest === 0 ? 1 : largest / most;
    scale[o] = step;
    for (let i = 0; i < length; i++) integers[o * length + i] = Math.round(row[i]! / step);
  }
  return { integers, scale };
};

/** The scale of a stored activation: range / 255. */
export const activationScale = (ranges: Ranges, layer: string): number => ranges[layer]! / 255;

/**
 * The first layer's weights and biases for raw pixels (0-255, RGB): they include scale, mean, standard
 * deviation and channel order. With x = pixel * factor + shift, w x + b = (w factor) pixel + (b + sum of w
 * shift).
 */
export const foldInput = (
  weights: Float32Array,
  bias: Float32Array,
  { outputs, kernel }: WeightedLayer,
  { order, scale, mean, std }: InputNormalisation,
): { weights: Float32Array; bias: Float32Array } => {
  const area = kernel * kernel;
  const folded = new Float32Array(weights.length);
  const shifted = bias.slice();
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < 3; c++) {
      const rgb = order === 'rgb' ? c : 2 - c;
      for (let k = 0; k < area; k++) {
        const w = weights[(o * 3 + c) * area + k]!;
        folded[(o * 3 + rgb) * area + k] = (w * scale) / std[c]!;
        shifted[o]! -= (w * mean[c]!) / std[c]!;
      }
    }
  }
  return { weights: folded, bias: shifted };
};

/** The mean colour as an RGB pixel: the border value that stands for the net's zero padding. */
export const meanPixel = ({ order, scale, mean }: InputNormalisation): [number, number, number] => {
  const [a, b, c] = mean.map((m) => Math.min(255, Math.max(0, Math.round(m / scale))));
  return order === 'rgb' ? [a!, b!, c!] : [c!, b!, a!];
};

const transposed = (matrix: Int8Array, rows: number, columns: number): Int8Array => {
  const result = new Int8Array(matrix.length);
  const tile = 64;
  for (let r0 = 0; r0 < rows; r0 += tile) {
    for (let c0 = 0; c0 < columns; c0 += tile) {
      for (let r = r0; r < Math.min(rows, r0 + tile); r++) {
        for (let c = c0; c < Math.min(columns, c0 + tile); c++)
          result[c * rows + r] = matrix[r * columns + c]!;
      }
    }
  }
  return result;
};

/**
 * The layers with weights, each with the layer whose stored activations are its input; the first has none,
 * its input is pixels.
 */
const layersWithInputs = (net: Architecture): { layer: WeightedLayer; before: string | undefined }[] => {
  const found: { layer: WeightedLayer; before: string | undefined }[] = [];
  const weighted = (before: string | undefined, layer: WeightedLayer): string => {
    found.push({ layer, before });
    return layer.name;
  };
  interpret<string | undefined>(
    layersOf(net),
    { conv: weighted, dense: weighted, lrn: (_, { name }) => name, relu: unchanged, pool: unchanged },
    undefined,
  );
  return found;
};

/** Entries of one layer: scales and biases (4 bytes an element), and the integers. */
const layerEntries = async (
  backbone: Backbone,
  layer: WeightedLayer,
  { ranges, bits }: QuantisedMetadata,
  before: string | undefined,
): Promise<{ small: SafetensorsEntry[]; large: SafetensorsEntry }> => {
  const { name, inputs, outputs, kernel } = layer;
  let weights = await backbone.read(`${name}.weight`);
  let bias = await backbone.read(`${name}.bias`);
  if (before === undefined) ({ weights, bias } = foldInput(weights, bias, layer, backbone.metadata.input));
  const inputScale = before === undefined ? 1 : activationScale(ranges, before);
  const { integers, scale } = quantiseRows(weights, outputs, bits);
  if (name === 'fc7') {
    return {
      small: [
        { name: 'fc7.scale', shape: [outputs], data: scale },
        { name: 'fc7.bias', shape: [outputs], data: bias },
      ],
      large: { name: 'fc7.weight', shape: [inputs, outputs], data: transposed(integers, outputs, inputs) },
    };
  }
  const limit = 2 ** 31 - 1;
  const whole = Int32Array.from(bias, (b, o) =>
    Math.max(-limit, Math.min(limit, Math.round(b / (inputScale * scale[o]!)))),
  );
  return {
    small: [
      { name: `${name}.scale`, shape: [outputs], data: scale },
      { name: `${name}.bias`, shape: [outputs], data: whole },
    ],
    large: { name: `${name}.weight`, shape: [outputs, inputs, kernel, kernel], data: integers },
  };
};

/**
 * Writes the quantised net as safetensors: int8 weights, scales for each output, int32 biases (fc7's and fc8 in
 * float32). The same backbone and ranges give the same bytes.
 *
 * @throws VerydeepError when the file cannot be written
 */
export const writeQuantised = async (
  path: string,
  backbone: Backbone,
  metadata: QuantisedMetadata,
): Promise<void> => {
  const small: SafetensorsEntry[] = [];
  const large: SafetensorsEntry[] = [];
  for (const { layer, before } of layersWithInputs(backbone.metadata.architecture)) {
    if (layer.name === 'fc8') {
      const { inputs, outputs } = layer;
      small.push({ name: 'fc8.bias', shape: [outputs], data: await backbone.read('fc8.bias') });
      small.push({ name: 'fc8.weight', shape: [outputs, inputs], data: () => backbone.read('fc8.weight') });
      continue;
    }
    const entries = await layerEntries(backbone, layer, metadata, before);
    small.push(...entries.small);
    large.push(entries.large);
  }
  // Four-byte numbers come first, so that their offsets are multiples of four.
  await writeSafetensors(path, { verydeepInt8: JSON.stringify(metadata) }, [...small, ...large]);
};

/**
 * The metadata of a quantised file.
 *
 * @throws UsageError when it is not a quantised file, or is truncated
 */
export const readQuantised = async (path: string) => {
  const file = await openSafetensors(path);
  try {
    const text = file.metadata['verydeepInt8'];
    if (text === undefined)
      throw new UsageError(`Expected a quantised net in ${path} but received other tensors.`);
    return { metadata: JSON.parse(text) as QuantisedMetadata, tensors: file.tensors };
  } finally {
    await file.close();
  }
};
