// safetensors of torchvision or timm, and verydeep's own backbone files.
import { type SafetensorsTensor, openSafetensors } from '../../../formats/safetensors.js';
import { normalisesResponses, weightedLayersOf } from '../../nets/architecture.js';
import { openBackbone } from '../../nets/backbone.js';
import { NOTE, readNote } from '../../nets/note.js';
import { type OpenOptions, type SourceLayer, type WeightSource, inputPresets } from './source.js';
import { stateDictNet } from './state-dict.js';

const openOwn = async (path: string): Promise<WeightSource> => {
  const backbone = await openBackbone(path);
  const seen = await backbone.seen();
  const file = await openSafetensors(path);
  const { architecture: net, input, classes, superclasses, training, source } = backbone.metadata;
  const tensor = (name: string): SafetensorsTensor => file.tensors.get(name)!;
  return {
    format: 'verydeep',
    layers: weightedLayersOf(net).map(({ name }): SourceLayer => ({
      name,
      kernel: tensor(`${name}.weight`),
      axes: 'oihw',
      bias: tensor(`${name}.bias`),
    })),
    lrn: normalisesResponses(net.config),
    input,
    classes,
    details: { superclasses, training, source },
    ...(seen && { seen }),
    close: () => file.close(),
  };
};

/**
 * Opens any of the three.
 *
 * @param options `key`: what the names begin with, where the file holds several nets
 */
export const openSafetensorsSource = async (
  path: string,
  { key }: OpenOptions = {},
): Promise<WeightSource> => {
  const file = await openSafetensors(path);
  if (file.metadata['verydeep'] !== undefined) {
    await file.close();
    return openOwn(path);
  }
  try {
    const { oxford, ...net } = stateDictNet(path, file.tensors, key);
    return {
      format: 'safetensors',
      ...net,
      input: inputPresets[oxford ? 'oxford' : 'torchvision'],
      ...readNote(path, file.metadata[NOTE]),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};
