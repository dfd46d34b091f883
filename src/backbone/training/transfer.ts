// Starting from another net's weights: the paper's pre-initialisation (section 3.1), continued training, fine-tuning.
import { type OptionName, expected, option, UsageError, text } from '../../errors.js';
import { type Architecture, type WeightedLayer, weightedLayersOf } from '../nets/architecture.js';
import { normalisedLayersOf, scaleOf } from '../nets/batch-norm.js';
import type { Backbone } from '../nets/backbone.js';

/** Which layers are taken from another net. */
export const transfers = ['auto', 'all', 'paper'] as const;
type Transfer = (typeof transfers)[number];

/** The convolutional layers that the paper initialises from net A. */
const PAPER_CONVOLUTIONS = 4;

/** The layers in a user's list: "conv1" (a block), "conv1-conv4", "conv1_1-conv3_2", "fc6,fc7". */
const layersNamed = (net: Architecture, named: string, where: OptionName): string[] => {
  const names = weightedLayersOf(net).map(({ name }) => name);
  const matches = (name: string) =>
    names.flatMap((each, i) => (each === name || each.startsWith(`${name}_`) ? [i] : []));
  const chosen = named.split(',').flatMap((part) => {
    const [from, to, ...more] = part.trim().split('-') as [string, ...string[]];
    const [first, last] = [matches(from)[0], matches(to ?? from).at(-1)];
    if (first === undefined || last === undefined || last < first || more.length > 0) {
      throw expected(
        'layers such as conv1-conv4 or conv1_1,fc6',
        where,
        part,
        `The net has ${names.join(', ')}.`,
      );
    }
    return names.slice(first, last + 1);
  });
  return [...new Set(chosen)];
};

/**
 * Learning-rate factors by tensor name, from "fc8=10,conv1-conv2=0.1"; "fc8=10:20" sets those of weights and
 * biases separately, like Caffe's prototxt.
 *
 * @throws UsageError naming the option for an unknown layer or a factor below 0
 */
export const rateFactors = (net: Architecture, given: string): Record<string, number> => {
  const factors: Record<string, number> = {};
  const normalised = new Set(normalisedLayersOf(net).map(({ name }) => name));
  for (const part of given.split(',')) {
    const [layers = '', values = ''] = part.split('=');
    const [weight, bias] = values.split(':').map(Number);
    if (
      weight === undefined ||
      values === '' ||
      ![weight, bias ?? weight].every((x) => Number.isFinite(x) && x >= 0)
    ) {
      throw expected(
        'layer=factor or layer=weights:biases with factors of at least 0',
        option('rateFactors'),
        part,
      );
    }
    for (const name of layersNamed(net, layers, option('rateFactors'))) {
      factors[`${name}.weight`] = weight;
      factors[`${name}.bias`] = bias ?? weight;
      if (normalised.has(name)) factors[scaleOf({ name })] = weight;
    }
  }
  return factors;
};

/** Factors of 0 for the frozen layers. */
export const frozen = (net: Architecture, layers: string): Record<string, number> => {
  const scales = new Set(normalisedLayersOf(net).map(scaleOf));
  return Object.fromEntries(
    layersNamed(net, layers, option('freeze')).flatMap((name) =>
      [`${name}.weight`, `${name}.bias`, ...(scales.has(scaleOf({ name })) ? [scaleOf({ name })] : [])].map(
        (tensor) => [tensor, 0],
      ),
    ),
  );
};

const sameShape = (a: WeightedLayer, b: WeightedLayer): boolean =>
  a.kind === b.kind && a.inputs === b.inputs && a.outputs === b.outputs && a.kernel === b.kernel;

/**
 * The layers that are taken from another net.
 *
 * `all`: every layer. `paper`: the first four convolutional and the fully-connected layers, by their names
 * (from A: conv1_1, conv2_1, conv3_1, conv3_2). `auto`: `all` for a net of the same configuration, else
 * `paper`.
 *
 * @param newClasses omits fc8, because the classes are new @throws UsageError when a selected layer has a
 * different shape, or the classes differ
 */
export const transferredLayers = (
  source: Backbone,
  net: Architecture,
  {
    transfer,
    classes,
    newClasses,
  }: {
    readonly transfer: Transfer;
    readonly classes: readonly string[];
    readonly newClasses: boolean;
  },
): string[] => {
  const { architecture, classes: sourceClasses } = source.metadata;
  const mine = new Map(weightedLayersOf(net).map((layer) => [layer.name, layer]));
  const theirs = weightedLayersOf(architecture);
  const all = transfer === 'all' || (transfer === 'auto' && architecture.config === net.config);
  const firstConvolutions = theirs.filter(({ kind }) => kind === 'conv').slice(0, PAPER_CONVOLUTIONS);
  const wanted = all ? theirs : [...firstConvolutions, ...theirs.filter(({ kind }) => kind === 'dense')];
  if (
    !newClasses &&
    (architecture.outputs !== net.outputs ||
      (sourceClasses.length > 0 && sourceClasses.join('\n') !== classes.join('\n')))
  ) {
    throw new UsageError(
      text`Expected the same classes in ${option('data')} as in ${source.path} (${architecture.outputs} outputs) but received others (${net.outputs}). Add ${option('classes')} new to replace the last layer.`,
    );
  }
  return wanted
    .filter(({ name }) => !(newClasses && name === 'fc8'))
    .map((layer) => {
      const own = mine.get(layer.name);
      if (!own || !sameShape(own, layer)) {
        const shape = ({ inputs, outputs, kernel }: WeightedLayer) =>
          `${inputs} to ${outputs} channels, kernel ${kernel}`;
        throw new UsageError(
          text`Expected the same shape for ${layer.name} as in ${source.path} (${shape(layer)}) but this net has ${own ? shape(own) : 'no such layer'}. Give the same ${option('width')}, ${option('blocks')}, ${option('inputSize')} and ${option('fullyConnected')}.`,
        );
      }
      return layer.name;
    });
};
