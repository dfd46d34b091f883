// The dense net in tfjs, with the same outputs as the compiled graph: for engines other than ONNX Runtime.
import type * as tfjs from '@tensorflow/tfjs-core';
import { weightedLayersOf } from './architecture.js';
import type { Backbone } from './backbone.js';
import { type Tf, type Weights, denseHandler } from './forward.js';
import { classCount } from './graph.js';
import { interpret } from './interpret.js';
import { type NamedLayer, namedLayers } from './layer-names.js';
import { tfShape, toTfLayout } from './layout.js';

/** A backbone's weights as tensors of the engine. The caller disposes them. */
export const loadWeights = async (tf: Tf, backbone: Backbone): Promise<Map<string, tfjs.Tensor>> => {
  const weights = new Map<string, tfjs.Tensor>();
  for (const layer of weightedLayersOf(backbone.metadata.architecture)) {
    const values = toTfLayout(layer, await backbone.read(`${layer.name}.weight`));
    weights.set(`${layer.name}.weight`, tf.tensor(values, tfShape(layer)));
    weights.set(`${layer.name}.bias`, tf.tensor1d(await backbone.read(`${layer.name}.bias`)));
  }
  return weights;
};

/** Converts pixels (uint8, RGB) to the net's input [1, height, width, 3]. */
export const normalised = (tf: Tf, backbone: Backbone, pixels: Uint8Array, height: number, width: number) => {
  const { order, scale, mean, std } = backbone.metadata.input;
  const x = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    for (let c = 0; c < 3; c++) {
      const source = order === 'rgb' ? c : 2 - c;
      x[i + c] = (pixels[i + source]! * scale - mean[c]!) / std[c]!;
    }
  }
  return tf.tensor4d(x, [1, height, width, 3]);
};

/** Average over positions, then over the image and its mirror image. */
const average = (tf: Tf, { form }: NamedLayer, map: tfjs.Tensor4D, classes: number): tfjs.Tensor => {
  if (form !== 'posterior' && form !== 'softmax') return tf.mean(map, [0, 1, 2]);
  const scores = tf.slice(map, [0, 0, 0, 0], [-1, -1, -1, classes]);
  return form === 'softmax'
    ? tf.mean(tf.softmax(scores), [0, 1, 2])
    : tf.mean(tf.softmax(tf.mean(scores, [1, 2])), 0);
};

/**
 * Activations of the chosen layers, averaged over positions and over the mirror image, as in `compileGraph`.
 *
 * @param pixels uint8 [height, width, 3] in RGB
 * @returns a vector for each layer, in the order of `layers`
 */
export const denseActivations = (
  tf: Tf,
  backbone: Backbone,
  weights: Weights,
  pixels: { readonly data: Uint8Array; readonly height: number; readonly width: number },
  { layers, flip }: { readonly layers: readonly string[]; readonly flip: boolean },
): Float32Array[] => {
  const classes = classCount(backbone);
  const { architecture } = backbone.metadata;
  const { named, needed } = namedLayers(architecture, layers, classes);
  const vectors = tf.tidy(() => {
    const image = normalised(tf, backbone, pixels.data, pixels.height, pixels.width);
    const batch = flip ? tf.concat([image, tf.reverse(image, 2)], 0) : image;
    const found = new Map<NamedLayer, tfjs.Tensor>();
    interpret(needed, denseHandler(tf, weights), batch, (layer, { linear, output }) => {
      for (const wanted of named.filter((each) => each.layer.name === layer.name))
        found.set(wanted, average(tf, wanted, wanted.form === 'linear' ? linear : output, classes));
    });
    return named.map((wanted) => found.get(wanted)!);
  });
  // A copy, because dataSync may return the backend's own memory.
  const results = vectors.map((vector) => Float32Array.from(vector.dataSync()));
  tf.dispose(vectors);
  return results;
};
