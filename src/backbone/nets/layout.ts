// Two layouts of the same weights: [out, in, height, width] in backbone files, [height, width, in, out] in tfjs.
import { type Architecture, type WeightedLayer, weightedLayersOf } from './architecture.js';

const TILE = 32; // Side of the blocks in which a matrix is transposed, so that reads and writes stay in cache.

/**
 * Transposes, for each of `kernel * kernel` window positions, an [out, in] matrix to [in, out] or back.
 * Element (o, i, p) has index (o * inputs + i) * area + p in the file and (p * inputs + i) * outputs + o in
 * tfjs.
 */
const permute = (
  { inputs, outputs, kernel }: WeightedLayer,
  from: Float32Array,
  move: (target: Float32Array, inFile: number, inTf: number) => void,
): Float32Array => {
  const area = kernel * kernel;
  const target = new Float32Array(from.length);
  for (let p = 0; p < area; p++) {
    for (let o0 = 0; o0 < outputs; o0 += TILE) {
      const o1 = Math.min(o0 + TILE, outputs);
      for (let i0 = 0; i0 < inputs; i0 += TILE) {
        const i1 = Math.min(i0 + TILE, inputs);
        for (let o = o0; o < o1; o++) {
          for (let i = i0; i < i1; i++)
            move(target, (o * inputs + i) * area + p, (p * inputs + i) * outputs + o);
        }
      }
    }
  }
  return target;
};

/** Converts a layer's weights from the order of a backbone file to that of tfjs. */
export const toTfLayout = (layer: WeightedLayer, file: Float32Array): Float32Array =>
  permute(layer, file, (target, inFile, inTf) => {
    target[inTf] = file[inFile] as number;
  });

/** Converts a layer's weights from the order of tfjs to that of a backbone file. */
export const toFileLayout = (layer: WeightedLayer, tf: Float32Array): Float32Array =>
  permute(layer, tf, (target, inFile, inTf) => {
    target[inFile] = tf[inTf] as number;
  });

/** Shape of a layer's weights in tfjs: a filter [height, width, in, out], or a matrix [height * width * in, out]. */
export const tfShape = ({ kind, inputs, outputs, kernel }: WeightedLayer): number[] =>
  kind === 'conv' ? [kernel, kernel, inputs, outputs] : [kernel * kernel * inputs, outputs];

/** The layer of a tensor name in a backbone file, and whether the tensor is the bias. */
export const tensorsOf = (
  net: Architecture,
): readonly { readonly name: string; readonly layer: WeightedLayer; readonly bias: boolean }[] =>
  weightedLayersOf(net).flatMap((layer) => [
    { name: `${layer.name}.weight`, layer, bias: false },
    { name: `${layer.name}.bias`, layer, bias: true },
  ]);
