// Exports a backbone as a TensorFlow.js layers model: model.json and shards of 4 MB, for
// `tf.loadLayersModel`.
import { join } from 'node:path';
import { UsageError, option, text } from '../../../errors.js';
import { writeFileAtomically } from '../../../io/files.js';
import { makeOutputFolder } from '../../../io/output-folder.js';
import { type Architecture, layersOf, parameterCount, weightedLayersOf } from '../../nets/architecture.js';
import type { Backbone } from '../../nets/backbone.js';
import { type LayerHandler, interpret } from '../../nets/interpret.js';
import { tfShape, toTfLayout } from '../../nets/layout.js';
import { noteOf } from '../../nets/note.js';

const SHARD = 4 << 20; // The shard size of TensorFlow.js's own converter; browsers cache it well.

/** Layer names as in keras.applications. */
const kerasName = (name: string): string =>
  ({ fc6: 'fc1', fc7: 'fc2', fc8: 'predictions' })[name] ??
  name.replace(/^(conv|pool)(\d)_?/, (_, kind: string, block: string) => `block${block}_${kind}`);

interface KerasLayer {
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const kerasLayer = (className: string, config: KerasLayer['config']): KerasLayer => ({
  class_name: className,
  config: { trainable: true, dtype: 'float32', ...config },
});

/** Appends Keras layers to a list. ReLU is an activation of the preceding layer. */
const kerasHandler = (net: Architecture): LayerHandler<readonly KerasLayer[]> => ({
  conv: (layers, { name, outputs, kernel }) => [
    ...layers,
    kerasLayer('Conv2D', {
      name: kerasName(name),
      filters: outputs,
      kernel_size: [kernel, kernel],
      strides: [1, 1],
      padding: 'same',
      activation: 'linear',
      use_bias: true,
      data_format: 'channels_last',
    }),
  ],
  flatten: (layers) => [...layers, kerasLayer('Flatten', { name: 'flatten' })],
  dense: (layers, { name, outputs }) => [
    ...layers,
    kerasLayer('Dense', { name: kerasName(name), units: outputs, activation: 'linear', use_bias: true }),
  ],
  relu: (layers) => {
    const { class_name: className, config } = layers.at(-1)!;
    return [...layers.slice(0, -1), { class_name: className, config: { ...config, activation: 'relu' } }];
  },
  pool: (layers, { name }) => [
    ...layers,
    kerasLayer('MaxPooling2D', {
      name: kerasName(name),
      pool_size: [2, 2],
      strides: [2, 2],
      padding: 'valid',
      data_format: 'channels_last',
    }),
  ],
  lrn: () => {
    throw new UsageError(
      text`Expected a net without local response normalisation for ${option('format')} tfjs but received ${net.config}: Keras has no such layer. Export it as onnx.`,
    );
  },
});

/** The net as a Keras Sequential model: normalised pixels [side, side, 3] to scores (no soft-max). */
const topology = (net: Architecture) => {
  const shape = { batch_input_shape: [null, net.inputSize, net.inputSize, 3] };
  const layers = interpret(layersOf(net), kerasHandler(net), []).map((layer, i) =>
    i === 0 ? { ...layer, config: { ...layer.config, ...shape } } : layer,
  );
  return {
    keras_version: '2.15.0',
    backend: 'tensorflow',
    model_config: { class_name: 'Sequential', config: { name: `vgg_${net.config.toLowerCase()}`, layers } },
  };
};

/** Throws for a net that Keras cannot express. @throws UsageError naming the layer */
export const checkTfjs = (net: Architecture): void => void topology(net);

/** Splits a byte sequence into shards of equal size. */
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
 * Writes a backbone as a TensorFlow.js layers model into a folder. Its input is normalised as the metadata
 * says (the model's userDefinedMetadata repeats it); its output is the scores.
 *
 * @param folder created if missing
 * @throws UsageError for a net with local response normalisation, which Keras cannot express
 */
export const exportTfjs = async (backbone: Backbone, folder: string): Promise<void> => {
  const net = backbone.metadata.architecture;
  const modelTopology = topology(net);
  await makeOutputFolder(folder);
  const bytes = 4 * parameterCount(net);
  const shards = new ShardWriter(folder, bytes);
  const weights: object[] = [];
  for (const layer of weightedLayersOf(net)) {
    const name = kerasName(layer.name);
    weights.push({ name: `${name}/kernel`, shape: tfShape(layer), dtype: 'float32' });
    weights.push({ name: `${name}/bias`, shape: [layer.outputs], dtype: 'float32' });
    await shards.add(toTfLayout(layer, await backbone.read(`${layer.name}.weight`)));
    await shards.add(await backbone.read(`${layer.name}.bias`));
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
