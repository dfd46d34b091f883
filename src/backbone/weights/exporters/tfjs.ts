// A backbone as a TensorFlow.js layers model: model.json and shards of 4 MB, as `tf.loadLayersModel` opens them.
import { join } from 'node:path';
import { UsageError, option, text } from '../../../errors.js';
import { makeFolder, writeFileAtomically } from '../../../io/files.js';
import {
  type Architecture,
  type WeightedLayer,
  layersOf,
  weightedLayersOf,
} from '../../nets/architecture.js';
import type { Backbone } from '../../nets/backbone.js';
import { oihwToHwio } from '../importers/permute.js';
import { noteOf } from '../../nets/note.js';

const SHARD = 4 << 20; // What browsers cache well; the size that TensorFlow.js's own converter uses.

/** Keras's names, which users of keras.applications know. */
const kerasName = (name: string): string =>
  ({ fc6: 'fc1', fc7: 'fc2', fc8: 'predictions' })[name] ??
  name.replace(/^(conv|pool)(\d)_?/, (_, kind: string, block: string) => `block${block}_${kind}`);

const layer = (className: string, config: Readonly<Record<string, unknown>>) => ({
  class_name: className,
  config: { trainable: true, dtype: 'float32', ...config },
});

/** The net as a Keras Sequential model: pixels [side, side, 3], normalised, to scores (no soft-max). */
const topology = (net: Architecture) => {
  const side = net.inputSize;
  const inputShape = { batch_input_shape: [null, side, side, 3] };
  const layers = layersOf(net).flatMap((each, i) => {
    const name = kerasName(each.name);
    const first = i === 0 ? inputShape : {};
    if (each.kind === 'conv') {
      const size = { filters: each.outputs, kernel_size: [each.kernel, each.kernel], strides: [1, 1] };
      return [
        layer('Conv2D', {
          name,
          ...size,
          padding: 'same',
          activation: 'relu',
          use_bias: true,
          data_format: 'channels_last',
          ...first,
        }),
      ];
    }
    if (each.kind === 'pool') {
      return [
        layer('MaxPooling2D', {
          name,
          pool_size: [2, 2],
          strides: [2, 2],
          padding: 'valid',
          data_format: 'channels_last',
        }),
      ];
    }
    if (each.kind === 'lrn') {
      throw new UsageError(
        text`Expected a net without local response normalisation for ${option('format')} tfjs but received A-LRN: Keras has no such layer. Export it as onnx.`,
      );
    }
    const activation = each.name === 'fc8' ? 'linear' : 'relu';
    const dense = layer('Dense', { name, units: each.outputs, activation, use_bias: true });
    return each.name === 'fc6' ? [layer('Flatten', { name: 'flatten' }), dense] : [dense];
  });
  return {
    keras_version: '2.15.0',
    backend: 'tensorflow',
    model_config: { class_name: 'Sequential', config: { name: `vgg_${net.config.toLowerCase()}`, layers } },
  };
};

/** A layer's kernel as Keras keeps it: [rows, columns, in, out], or of fully-connected layers its rows as one axis. */
const kernelOf = async (
  backbone: Backbone,
  { name, inputs, outputs, kernel }: WeightedLayer,
): Promise<Float32Array> =>
  oihwToHwio(await backbone.read(`${name}.weight`), { o: outputs, i: inputs, h: kernel, w: kernel });

/** Cuts a run of bytes into shards of equal size. */
class ShardWriter {
  readonly #folder: string;
  readonly #count: number;
  readonly paths: string[] = [];
  #rest: Uint8Array = new Uint8Array(0);

  constructor(folder: string, totalBytes: number) {
    this.#folder = folder;
    this.#count = Math.max(1, Math.ceil(totalBytes / SHARD));
  }

  async add(numbers: Float32Array): Promise<void> {
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    let at = Math.min(SHARD - this.#rest.length, bytes.length);
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(0, at)]);
    while (this.#rest.length === SHARD) {
      await this.#flush();
      this.#rest = bytes.slice(at, at + SHARD);
      at += this.#rest.length;
    }
  }

  async #flush(): Promise<void> {
    const path = `group1-shard${this.paths.length + 1}of${this.#count}.bin`;
    await writeFileAtomically(join(this.#folder, path), this.#rest);
    this.paths.push(path);
    this.#rest = new Uint8Array(0);
  }

  async end(): Promise<void> {
    if (this.#rest.length > 0) await this.#flush();
  }
}

/**
 * Writes a backbone as a TensorFlow.js layers model into a folder. Its input is normalised as the metadata says (the
 * model's userDefinedMetadata repeats it); its output is the scores.
 *
 * @param folder made if it is missing
 * @throws UsageError for A-LRN, which Keras cannot express
 */
export const exportTfjs = async (backbone: Backbone, folder: string): Promise<void> => {
  const net = backbone.metadata.architecture;
  const modelTopology = topology(net);
  await makeFolder(folder);
  const layers = weightedLayersOf(net);
  const total = layers.reduce((sum, l) => sum + 4 * (l.outputs * l.inputs * l.kernel ** 2 + l.outputs), 0);
  const shards = new ShardWriter(folder, total);
  const weights: object[] = [];
  for (const each of layers) {
    const { kind, inputs, outputs, kernel } = each;
    const name = kerasName(each.name);
    const shape = kind === 'conv' ? [kernel, kernel, inputs, outputs] : [inputs * kernel ** 2, outputs];
    weights.push({ name: `${name}/kernel`, shape, dtype: 'float32' });
    weights.push({ name: `${name}/bias`, shape: [outputs], dtype: 'float32' });
    await shards.add(await kernelOf(backbone, each));
    await shards.add(await backbone.read(`${each.name}.bias`));
  }
  await shards.end();
  const model = {
    format: 'layers-model',
    generatedBy: 'verydeep',
    convertedBy: null,
    modelTopology,
    weightsManifest: [{ paths: shards.paths, weights }],
    userDefinedMetadata: { verydeep: noteOf(backbone.metadata) },
  };
  await writeFileAtomically(join(folder, 'model.json'), JSON.stringify(model));
};
