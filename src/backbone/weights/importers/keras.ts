// Imports VGG nets from Keras's files: .h5 with weights only or a whole model, Keras 3's weights, and .keras
// archives.
import { expected } from '../../../errors.js';
import { sizeFromShape } from '../../../shape.js';
import { type Hdf5, type Hdf5Worker, openHdf5 } from '../../../formats/hdf5.js';
import type { Hdf5Dataset, Hdf5Index } from '../../../formats/hdf5-worker.js';
import { openKerasArchive } from '../../../formats/keras-archive.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import { layersOfModel, parseConfig } from './keras-model.js';
import { type WeightsOf, checkNames, stepsOfModel } from './keras-steps.js';
import { byLayer, kernelsAndBiases } from './keras-weights.js';
import { netOfRow } from './row.js';
import { type SourceNet, type WeightSource, inputPresets } from './source.js';
import { netOf } from './steps.js';

const CHUNK = 1 << 22;

const tensorOf = (file: Hdf5, { path, shape }: Hdf5Dataset, name: string): LazyTensor => ({
  name,
  shape,
  dtype: 'F32',
  chunks: async function* () {
    const [rows = 1, ...rest] = shape;
    const step = Math.max(1, Math.floor(CHUNK / sizeFromShape(rest)));
    for (let from = 0; from < rows; from += step) {
      yield await file.rows(path, from, Math.min(from + step, rows));
    }
  },
});

const join = (...parts: string[]): string => `/${parts.join('/')}`.replace(/\/{2,}/g, '/');

/** A weight in a file: the group of its outermost layer, its name, and its numbers. */
interface Listed {
  readonly group: string;
  readonly name: string;
  readonly tensor: LazyTensor;
}

/** Keras 2: an attribute lists the layers; an attribute of each layer's group lists its weights. */
const listed = (path: string, file: Hdf5, root: string): Listed[] | undefined => {
  const { datasets, lists } = file.index;
  const places = new Map(datasets.map((dataset) => [join(dataset.path), dataset]));
  return lists[`${root}@layer_names`]?.flatMap((group) =>
    (lists[`${join(root, group)}@weight_names`] ?? []).flatMap((name) => {
      const place = join(root, group, name);
      const dataset = places.get(place);
      // Normalization stores an integer count of its images.
      if (!dataset && /(^|\/)count(:0)?$/.test(name)) return [];
      if (!dataset) throw expected(`a dataset ${place} of float32 or float64 numbers`, path, 'none');
      const last = name.split('/').at(-1) ?? name;
      return [{ group, name, tensor: tensorOf(file, dataset, `${group}/${last}`) }];
    }),
  );
};

/** Keras 3: layers/conv2d_1/vars/0, in models within models layers/functional/layers/conv2d_1/vars/0. */
const KERAS3 = /^\/((?:(?:layers|_layer_checkpoint_dependencies)\/[^/]+\/)+)vars\/(\d+)$/;

interface Placed {
  readonly place: string;
  readonly number: number;
  readonly tensor: LazyTensor;
}

const placed = (file: Hdf5): Placed[] =>
  file.index.datasets.flatMap((dataset) => {
    const match = KERAS3.exec(join(dataset.path).replaceAll('\\', '/'));
    if (!match) return [];
    const place = match[1]!.slice(0, -1).replaceAll('_layer_checkpoint_dependencies/', 'layers/');
    const name = file.index.texts[`${dataset.path.replace(/\/[^/]*$/, '')}@name`] ?? place.split('/').at(-1)!;
    const part = match[2] === '0' ? 'kernel' : match[2] === '1' ? 'bias' : match[2]!;
    return [{ place, number: Number(match[2]), tensor: tensorOf(file, dataset, `${name}/${part}`) }];
  });

/** Weights of Keras 3 by the path of their layer. */
const byPlace =
  (weights: readonly Placed[]): WeightsOf =>
  ({ place }) =>
    weights
      .filter((each) => each.place === place)
      .sort((a, b) => a.number - b.number)
      .map(({ tensor }) => tensor);

const natural = new Intl.Collator('en', { numeric: true });

/**
 * Order without a configuration: convolutions before matrices, inner models first, conv2d before conv2d_1.
 */
const inOrder = (weights: readonly Placed[]): Placed[] => {
  const depth = ({ place }: Placed): number => place.split('/').length;
  const isDense = ({ place }: Placed): number => (/\/dense(_\d+)?$/.test(place) ? 1 : 0);
  return [...weights].sort(
    (a, b) =>
      isDense(a) - isDense(b) ||
      depth(b) - depth(a) ||
      natural.compare(a.place, b.place) ||
      a.number - b.number,
  );
};

/** Names of Keras 3's layer groups, including those without weights. */
const groupNames = ({ texts }: Hdf5Index): string[] =>
  Object.keys(texts).flatMap((key) => {
    const match = /([^/]+)\/vars@name$/.exec(key);
    return match ? [match[1]!] : [];
  });

const netIn = async (path: string, file: Hdf5, config: string | undefined): Promise<SourceNet> => {
  const { index } = file;
  const weights = listed(path, file, '/') ?? listed(path, file, '/model_weights');
  const numbered = weights ? [] : placed(file);
  if (!weights && numbered.length === 0) {
    throw expected(
      "layers of a Keras model (layer_names, or Keras 3's layers/…/vars)",
      path,
      index.datasets.slice(0, 3).map((dataset) => dataset.path),
    );
  }
  const text = config ?? index.texts['/@model_config'];
  if (text !== undefined) {
    const layers = layersOfModel(path, parseConfig(path, text));
    return netOf(path, stepsOfModel(path, layers, weights ? byLayer(weights) : byPlace(numbered)));
  }
  checkNames(
    path,
    index.lists['/@layer_names'] ?? index.lists['/model_weights@layer_names'] ?? groupNames(index),
  );
  const row = weights ? weights.map(({ tensor }) => tensor) : inOrder(numbered).map(({ tensor }) => tensor);
  return netOfRow(kernelsAndBiases(path, row));
};

/**
 * Preprocessing is that of keras.applications for VGG (BGR minus the means), unless the model begins with
 * another.
 */
const sourceOf = async (
  path: string,
  format: string,
  file: Hdf5,
  config: string | undefined,
  close: () => Promise<void>,
): Promise<WeightSource> => {
  const net = await netIn(path, file, config);
  return { format, ...net, input: net.prepared ?? inputPresets.oxford, close };
};

/** Opens an HDF5 file of Keras. @throws UsageError naming the file and the fault */
export const openKeras = async (path: string, worker?: Hdf5Worker): Promise<WeightSource> => {
  const file = await openHdf5(path, worker);
  try {
    return await sourceOf(path, 'keras-h5', file, undefined, () => file.close());
  } catch (error) {
    await file.close();
    throw error;
  }
};

/** Opens a .keras archive. @throws UsageError naming the file and the fault */
export const openKerasZip = async (path: string, worker?: Hdf5Worker): Promise<WeightSource> => {
  const archive = await openKerasArchive(path, worker);
  try {
    return await sourceOf(path, 'keras', archive.weights, archive.config, () => archive.close());
  } catch (error) {
    await archive.close();
    throw error;
  }
};
