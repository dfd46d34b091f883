// torch's state dictionaries: which entries are the layers of a VGG net, as torchvision and timm name them.
import { UsageError, expected } from '../../../errors.js';
import type { SourceLayer, SourceNorm, SourceTensor } from './source.js';

/** Wrappers that put a prefix before every name (DataParallel, Lightning, torch.compile). */
const prefixes = ['module.', 'model.', '_orig_mod.', 'net.', 'backbone.'] as const;

/** Heads: torchvision's and timm's names of fc6, fc7 and fc8. */
const heads = [
  ['classifier.0', 'classifier.3', 'classifier.6'],
  ['pre_logits.fc1', 'pre_logits.fc2', 'head.fc'],
] as const;

const EPSILON = 1e-5; // torch's BatchNorm2d.

const withoutPrefix = (names: readonly string[]): string => {
  let prefix = '';
  for (;;) {
    const more = prefixes.find((p) => names.length > 0 && names.every((name) => name.startsWith(prefix + p)));
    if (more === undefined) return prefix;
    prefix += more;
  }
};

/**
 * The layers of a VGG state dictionary in order, batch normalisation beside its convolution.
 *
 * @param path the file, for messages
 * @throws UsageError when there are no `features.N` entries, or some entries belong to no VGG net
 */
export const stateDictLayers = (
  path: string,
  all: ReadonlyMap<string, SourceTensor>,
): readonly SourceLayer[] => {
  const prefix = withoutPrefix([...all.keys()]);
  const tensors = new Map([...all].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  const used = new Set<string>();
  const take = (name: string): SourceTensor | undefined => {
    used.add(name);
    return tensors.get(name);
  };
  const plain = (name: string): SourceLayer => {
    const kernel = take(`${name}.weight`);
    if (!kernel) throw expected(`a tensor ${name}.weight`, path, 'none');
    const bias = take(`${name}.bias`);
    return { name, kernel, axes: 'oihw', ...(bias ? { bias } : {}) };
  };
  const indices = [...tensors.keys()]
    .map((name) => /^features\.(\d+)\.weight$/.exec(name)?.[1])
    .filter((index) => index !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  if (indices.length === 0) {
    throw expected(
      "VGG weights in torchvision's or timm's names (features.0.weight, …)",
      path,
      [...all.keys()].slice(0, 4),
    );
  }
  const layers: SourceLayer[] = [];
  for (const index of indices) {
    const name = `features.${index}`;
    if (tensors.get(`${name}.weight`)?.shape.length !== 1) {
      layers.push(plain(name));
      continue;
    }
    const convolution = layers.at(-1);
    const norm = normOf(path, name, take);
    if (convolution?.name !== `features.${index - 1}`) {
      throw expected('a convolution before batch normalisation', `${name} of ${path}`, convolution?.name);
    }
    layers[layers.length - 1] = { ...convolution, norm };
  }
  const head = heads.find(([first]) => tensors.has(`${first}.weight`));
  for (const name of head ?? []) layers.push(plain(name));
  const stray = [...tensors.keys()].find((name) => !used.has(name) && !name.endsWith('num_batches_tracked'));
  if (stray !== undefined) {
    throw new UsageError(
      `Expected only the weights of a VGG net in ${path} but received the tensor ${prefix}${stray} too.`,
    );
  }
  return layers;
};

const normOf = (path: string, name: string, take: (name: string) => SourceTensor | undefined): SourceNorm => {
  const part = (suffix: string): SourceTensor => {
    const tensor = take(`${name}.${suffix}`);
    if (!tensor) throw expected(`a tensor ${name}.${suffix} of its batch normalisation`, path, 'none');
    return tensor;
  };
  return {
    gamma: part('weight'),
    beta: part('bias'),
    mean: part('running_mean'),
    variance: part('running_var'),
    epsilon: EPSILON,
  };
};
