// safetensors of torchvision or timm, and verydeep's own backbone files.
import { UsageError, messageOf } from '../../errors.js';
import { openSafetensors } from '../../safetensors.js';
import { weightedLayersOf } from '../architecture.js';
import { checkInput, openBackbone } from '../backbone.js';
import { type SourceLayer, type SourceTensor, type WeightSource, inputPresets } from './source.js';
import { stateDictLayers } from './state-dict.js';

/** The key under which `weights export` notes preprocessing and class names in foreign formats. */
export const NOTE = 'verydeep.input';

/** Reads such a note. @throws UsageError naming the file when it is damaged */
export const readNote = (path: string, text: string | undefined): Partial<WeightSource> => {
  if (text === undefined) return {};
  try {
    const { input, classes } = JSON.parse(text) as { input?: unknown; classes?: unknown };
    const isNames = Array.isArray(classes) && classes.every((name) => typeof name === 'string');
    return { input: checkInput(path, input), ...(isNames ? { classes: classes } : {}) };
  } catch (error) {
    throw new UsageError(`The note ${NOTE} in ${path} is damaged. ${messageOf(error)}`);
  }
};

const openOwn = async (path: string): Promise<WeightSource> => {
  const backbone = await openBackbone(path);
  const file = await openSafetensors(path);
  const { architecture: net, input, classes, superclasses, training, source } = backbone.metadata;
  const tensor = (name: string): SourceTensor => ({
    name,
    shape: backbone.tensors.get(name)!.shape,
    chunks: () => file.chunks(name),
  });
  return {
    format: 'verydeep',
    layers: weightedLayersOf(net).map(({ name }): SourceLayer => ({
      name,
      kernel: tensor(`${name}.weight`),
      axes: 'oihw',
      bias: tensor(`${name}.bias`),
    })),
    lrn: net.config === 'A-LRN',
    input,
    classes,
    details: { superclasses, training, source },
    close: () => file.close(),
  };
};

/** Opens any of the three. */
export const openSafetensorsSource = async (path: string): Promise<WeightSource> => {
  const file = await openSafetensors(path);
  if (file.metadata['verydeep'] !== undefined) {
    await file.close();
    return openOwn(path);
  }
  try {
    const tensors = [...file.tensors].map(
      ([name, { shape }]) => [name, { name, shape, chunks: () => file.chunks(name) }] as const,
    );
    return {
      format: 'safetensors',
      layers: stateDictLayers(path, new Map(tensors)),
      input: inputPresets.torchvision,
      ...readNote(path, file.metadata[NOTE]),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};
