// Imports VGG nets from TensorFlow.js layers models: the topology is a Keras configuration.
import { isRecord } from '../../../checks.js';
import { openTfjsModel } from '../../../formats/tfjs-model.js';
import { readNote } from '../../nets/note.js';
import { layersOfModel } from './keras-model.js';
import { stepsOfModel } from './keras-steps.js';
import { byLayer, kernelsAndBiases } from './keras-weights.js';
import { netOfRow } from './row.js';
import { type SourceNet, type WeightSource, inputPresets } from './source.js';
import { netOf } from './steps.js';

/**
 * The model's configuration: inside model_config in converters' files, at the top level in files saved by
 * tfjs itself.
 */
const configOf = (topology: unknown): unknown =>
  isRecord(topology)
    ? (topology['model_config'] ?? (topology['class_name'] === undefined ? undefined : topology))
    : undefined;

/**
 * Opens a layers model by its model.json. Preprocessing is Keras's for VGG unless the model begins with
 * another, or verydeep's export recorded one.
 */
export const openTfjs = async (path: string): Promise<WeightSource> => {
  const model = openTfjsModel(path);
  try {
    const tensors = [...model.tensors.values()];
    const config = configOf(model.topology);
    const named = tensors.map((tensor) => ({ group: '', name: tensor.name, tensor }));
    const net: SourceNet =
      config === undefined
        ? netOfRow(kernelsAndBiases(path, tensors))
        : await netOf(path, stepsOfModel(path, layersOfModel(path, config), byLayer(named)));
    const note = model.metadata['verydeep'];
    return {
      format: 'tfjs-layers',
      ...net,
      input: net.prepared ?? inputPresets.oxford,
      ...readNote(path, typeof note === 'string' ? note : undefined),
      close: () => model.close(),
    };
  } catch (error) {
    await model.close();
    throw error;
  }
};
