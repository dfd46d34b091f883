// The dense net in tfjs, with the same outputs as the compiled graph: for engines that are no ONNX Runtime.
import type * as tfjs from '@tensorflow/tfjs-core';
import { type Layer, layersOf, lrn, weightedLayersOf } from './architecture.js';
import type { Backbone } from './backbone.js';
import type { Tf, Weights } from './forward.js';
import { classCount } from './graph.js';
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

/** Pixels (uint8, RGB) as the net's input [1, height, width, 3]. */
const normalised = (tf: Tf, backbone: Backbone, pixels: Uint8Array, height: number, width: number) => {
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

const step = (
  tf: Tf,
  layer: Layer,
  x: tfjs.Tensor4D,
  weights: Weights,
): { linear: tfjs.Tensor4D; output: tfjs.Tensor4D } => {
  const same = (value: tfjs.Tensor4D) => ({ linear: value, output: value });
  switch (layer.kind) {
    case 'pool':
      return same(tf.maxPool(x, 2, 2, 'valid'));
    case 'lrn':
      return same(tf.localResponseNormalization(x, (lrn.size - 1) / 2, lrn.k, lrn.alpha, lrn.beta));
    default: {
      const { name, inputs, outputs, kernel } = layer;
      const filter = tf.reshape<tfjs.Rank.R4>(weights.get(`${name}.weight`)!, [
        kernel,
        kernel,
        inputs,
        outputs,
      ]);
      const map = tf.conv2d(x, filter, 1, layer.kind === 'conv' ? 'same' : 'valid');
      const linear = tf.add<tfjs.Tensor4D>(map, weights.get(`${name}.bias`)!);
      return name === 'fc8' ? same(linear) : { linear, output: tf.relu(linear) };
    }
  }
};

/** Average over positions, then over the batch of the image and its mirror image. */
const average = (tf: Tf, { form }: NamedLayer, map: tfjs.Tensor4D, classes: number): tfjs.Tensor => {
  if (form !== 'posterior' && form !== 'softmax') return tf.mean(map, [0, 1, 2]);
  const scores = tf.slice(map, [0, 0, 0, 0], [-1, -1, -1, classes]);
  return form === 'softmax'
    ? tf.mean(tf.softmax(scores), [0, 1, 2])
    : tf.mean(tf.softmax(tf.mean(scores, [1, 2])), 0);
};

/**
 * Activations of the chosen layers, averaged over positions and with the mirror image: what `compileGraph` computes.
 *
 * @param pixels uint8 [height, width, 3] in RGB
 * @returns a vector a layer, in the order of `layers`
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
    let x = flip ? tf.concat([image, tf.reverse(image, 2)], 0) : image;
    const found = new Map<NamedLayer, tfjs.Tensor>();
    for (const layer of layersOf(architecture).slice(0, needed.length)) {
      const { linear, output } = step(tf, layer, x, weights);
      for (const wanted of named.filter((each) => each.layer.name === layer.name))
        found.set(wanted, average(tf, wanted, wanted.form === 'linear' ? linear : output, classes));
      x = output;
    }
    return named.map((wanted) => found.get(wanted)!);
  });
  // A copy: what dataSync gives may be the backend's own memory.
  const results = vectors.map((vector) => Float32Array.from(vector.dataSync()));
  tf.dispose(vectors);
  return results;
};
