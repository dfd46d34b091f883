// Imports safetensors files of torchvision or timm, and verydeep's own backbone files.
import { expected } from '../../../errors.js';
import { kindOf } from '../../../io/file-kinds.js';
import { type SafetensorsTensor, openSafetensors } from '../../../formats/safetensors.js';
import {
  type Architecture,
  type LrnLayer,
  type PoolLayer,
  layersOf,
  weightedLayersOf,
} from '../../nets/architecture.js';
import { openStoredBackbone } from '../../nets/backbone.js';
import { interpret, unchanged } from '../../nets/interpret.js';
import { NOTE, readNote } from '../../nets/note.js';
import {
  type OpenOptions,
  type SourceLayer,
  type UnweightedLayer,
  type WeightSource,
  inputPresets,
} from './source.js';
import { stateDictNet } from './state-dict.js';

/** The positions of a net's pools and normalisations. */
const unweightedOf = (net: Architecture): readonly UnweightedLayer[] => {
  interface Walked {
    readonly weighted: number;
    readonly found: readonly UnweightedLayer[];
  }
  const weighted = ({ weighted: count, found }: Walked): Walked => ({ weighted: count + 1, found });
  const unweighted = ({ weighted: after, found }: Walked, { kind, name }: PoolLayer | LrnLayer): Walked => ({
    weighted: after,
    found: [...found, { kind, name, after }],
  });
  const handler = {
    conv: weighted,
    dense: weighted,
    relu: unchanged<Walked>,
    pool: unweighted,
    lrn: unweighted,
  };
  return interpret<Walked>(layersOf(net), handler, { weighted: 0, found: [] }).found;
};

const openOwn = async (path: string): Promise<WeightSource> => {
  const backbone = await openStoredBackbone(path);
  const seen = await backbone.seen();
  const file = await openSafetensors(path);
  const { architecture: net, input, classes, superclasses, boxes, training, source } = backbone.metadata;
  const tensor = (name: string): SafetensorsTensor => file.tensors.get(name)!;
  return {
    format: 'verydeep',
    layers: weightedLayersOf(net).map(({ name }): SourceLayer => ({
      name,
      kernel: tensor(`${name}.weight`),
      axes: 'oihw',
      bias: tensor(`${name}.bias`),
    })),
    unweighted: unweightedOf(net),
    input,
    classes,
    details: { superclasses, boxes, training, source },
    ...(seen && { seen }),
    close: () => file.close(),
  };
};

/**
 * Opens a safetensors file of any of the three.
 *
 * @param options `key`: prefix of the tensor names, for a file with several nets
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
  const kind = kindOf(file.metadata);
  if (kind) {
    await file.close();
    throw expected('the weights of a net', path, kind.is, kind.advice);
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
