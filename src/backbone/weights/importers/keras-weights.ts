// Assigns the weights of a Keras or TensorFlow.js file to layers.
import { expected } from '../../../errors.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import type { KerasLayer } from './keras-model.js';
import type { WeightsOf } from './keras-steps.js';
import type { SourceLayer } from './source.js';

/** A weight under the outermost layer that a file lists it under ("vgg16"), by its name ("block1_conv1/kernel:0"). */
interface Named {
  readonly group: string;
  readonly name: string;
  readonly tensor: LazyTensor;
}

/** The order of a layer's weights in Keras. */
const ranks = ['kernel', 'gamma', 'bias', 'beta', 'moving_mean', 'mean', 'moving_variance', 'variance'];

const rank = (name: string): number => {
  const last = (name.split('/').at(-1) ?? name).replace(/:\d+$/, '').replace(/_\d+$/, '');
  return ranks.indexOf(last);
};

const inOrder = (weights: readonly Named[]): LazyTensor[] =>
  [...weights]
    .sort((a, b) => (rank(a.name) < 0 || rank(b.name) < 0 ? 0 : rank(a.name) - rank(b.name)))
    .map(({ tensor }) => tensor);

/** The number of weights of a layer that is not found by name. */
const countOf = ({ className, config }: KerasLayer): number =>
  /^(Conv2D|Convolution2D|Dense)$/.test(className) ? (config['use_bias'] === false ? 1 : 2) : 0;

/**
 * Weights by the names of layers. Within a group of a whole model they are found by the part of their name
 * before the last; if another layer already has that name (Keras then appends a number), by their order.
 */
export const byLayer = (weights: readonly Named[]): WeightsOf => {
  const groups = new Map<string, Named[]>();
  for (const weight of weights) groups.set(weight.group, [...(groups.get(weight.group) ?? []), weight]);
  const used = new Set<Named>();
  const take = (found: readonly Named[]): LazyTensor[] => {
    for (const each of found) used.add(each);
    return inOrder(found);
  };
  return (layer) => {
    const [outer] = layer.models;
    const group = groups.get(outer ?? layer.name) ?? groups.get('') ?? [];
    if (outer === undefined && groups.has(layer.name)) return take(group);
    const named = group.filter(({ name }) => name.split('/').at(-2) === layer.name);
    return take(named.length > 0 ? named : group.filter((each) => !used.has(each)).slice(0, countOf(layer)));
  };
};

/** Kernel and bias of each layer, in the order of a list of weights; anything else is an error. */
export const kernelsAndBiases = (path: string, tensors: readonly LazyTensor[]): readonly SourceLayer[] => {
  const layers = new Map<string, { kernel?: LazyTensor; bias?: LazyTensor }>();
  for (const tensor of tensors) {
    const name = tensor.name.replace(/\/[^/]*$/, '');
    const layer = layers.get(name) ?? {};
    layers.set(name, layer);
    const part = tensor.shape.length === 1 ? 'bias' : 'kernel';
    if (layer[part] || ![1, 2, 4].includes(tensor.shape.length)) {
      throw expected(
        'layers of one kernel and one bias',
        `the weights ${tensor.name} of ${path}`,
        tensor.shape,
      );
    }
    layer[part] = tensor;
  }
  return [...layers].map(([name, { kernel, bias }]) => {
    if (!kernel) throw expected('a kernel', `the layer ${name} of ${path}`, 'only a bias');
    return { name, kernel, axes: 'hwio', ...(bias ? { bias } : {}) };
  });
};
