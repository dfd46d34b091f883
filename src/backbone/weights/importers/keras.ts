// Keras's .h5 files: weights alone, a whole model, or Keras 3's own order; with and without the fully-connected layers.
import { expected } from '../../../errors.js';
import { type Hdf5, type Hdf5Worker, openHdf5 } from '../../../formats/hdf5.js';
import type { Hdf5Dataset, Hdf5Index } from '../../../formats/hdf5-worker.js';
import { type SourceTensor, type WeightSource, inputPresets } from './source.js';
import { kernelsAndBiases } from './tfjs.js';
import { sizeFromShape } from '../../../shape.js';

const CHUNK = 1 << 22;

const tensorOf = (file: Hdf5, { path, shape }: Hdf5Dataset, name: string): SourceTensor => ({
  name,
  shape,
  chunks: async function* () {
    const [rows = 1, ...rest] = shape;
    const step = Math.max(1, Math.floor(CHUNK / sizeFromShape(rest)));
    for (let from = 0; from < rows; from += step) {
      yield await file.rows(path, from, Math.min(from + step, rows));
    }
  },
});

const join = (...parts: string[]): string => parts.join('/').replace(/\/{2,}/g, '/');

/** Keras 2: the group's attribute lists the layers, each layer's the weights. */
const byLists = (index: Hdf5Index, root: string): { path: string; name: string }[] | undefined => {
  const layers = index.lists[`${root}@layer_names`];
  return layers?.flatMap((layer) => {
    const group = join(root, layer);
    return (index.lists[`${group}@weight_names`] ?? []).map((weight) => ({
      path: join(group, weight),
      name: `${layer}/${weight.split('/').at(-1) ?? weight}`,
    }));
  });
};

const natural = new Intl.Collator('en', { numeric: true });

/** Keras 3: layers/<name>/vars/0 is the kernel and 1 the bias; conv2d comes before conv2d_1 before dense. */
const byPaths = ({ datasets }: Hdf5Index): { path: string; name: string }[] =>
  datasets
    .map(({ path }) => ({ path, match: /(?:^|\/)layers\/([^/]+)\/vars\/([01])$/.exec(path) }))
    .flatMap(({ path, match }) => (match ? [{ path, layer: match[1]!, part: match[2]! }] : []))
    .sort((a, b) => natural.compare(a.layer, b.layer) || natural.compare(a.part, b.part))
    .map(({ path, layer, part }) => ({ path, name: `${layer}/${part}` }));

const normalized = (path: string): string => join('/', path);

/** Opens a Keras file. Preprocessing is that of keras.applications for VGG: blue, green, red less the means. */
export const openKeras = async (path: string, worker?: Hdf5Worker): Promise<WeightSource> => {
  const file = await openHdf5(path, worker);
  try {
    const { index } = file;
    const datasets = new Map(index.datasets.map((dataset) => [normalized(dataset.path), dataset]));
    const wanted = byLists(index, '/') ?? byLists(index, '/model_weights') ?? byPaths(index);
    if (wanted.length === 0) {
      throw expected(
        "layers of a Keras model (layer_names, or Keras 3's layers/…/vars)",
        path,
        index.datasets.slice(0, 3).map((dataset) => dataset.path),
      );
    }
    const tensors = wanted.map(({ path: place, name }) => {
      const dataset = datasets.get(normalized(place));
      if (!dataset) throw expected(`a dataset ${place} of float32 or float64 numbers`, path, 'none');
      return tensorOf(file, dataset, name);
    });
    return {
      format: 'keras-h5',
      layers: kernelsAndBiases(path, tensors),
      input: inputPresets.oxford,
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};
