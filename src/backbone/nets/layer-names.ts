// Parses layer names: "fc7", "fc7:linear", "conv5", "conv3_2", "pool4", "fc8:posterior".
import { expected, option } from '../../errors.js';
import { type Architecture, type Layer, layersOf } from './architecture.js';

/**
 * The form of a layer's activations: the output, after ReLU if one follows ("output"), or before ReLU
 * ("linear"). For fc8 also class posteriors: soft-max of the scores averaged over positions ("posterior", the
 * literal text of sec. 3.2), or soft-max at every position, then averaged ("softmax").
 */
export type Form = 'output' | 'linear' | 'posterior' | 'softmax';

/** A layer that a user named. */
export interface NamedLayer {
  /** The name as given; it names the column of descriptors. */
  readonly name: string;
  readonly layer: Layer;
  readonly form: Form;
  /** Number of channels. */
  readonly channels: number;
}

const forms = (layer: Layer): readonly Form[] =>
  layer.name === 'fc8'
    ? ['output', 'posterior', 'softmax']
    : layer.kind === 'conv' || layer.kind === 'dense'
      ? ['output', 'linear']
      : ['output'];

/** Finds a layer by name; "conv5" is the last convolution of block 5. */
const find = (layers: readonly Layer[], name: string): Layer | undefined =>
  layers.find((layer) => layer.name === name) ??
  layers.findLast((layer) => layer.kind === 'conv' && layer.name.startsWith(`${name}_`));

/**
 * Resolves a layer name.
 *
 * @param classes number of fc8's outputs that are classes; posteriors omit the rest, the superclasses @throws
 * UsageError that lists the net's layers
 */
const namedLayer = (net: Architecture, name: string, classes = net.outputs): NamedLayer => {
  const layers = layersOf(net);
  const [base = '', form = 'output', ...rest] = name.split(':');
  const layer = find(layers, base);
  if (!layer) {
    const names = layers.map((each) => each.name).join(', ');
    throw expected(`a layer of a net ${net.config}`, option('layer'), name, `It has ${names}.`);
  }
  const possible = forms(layer);
  if (rest.length > 0 || !possible.includes(form as Form)) {
    const names = possible.map((each) => (each === 'output' ? base : `${base}:${each}`)).join(', ');
    throw expected(`one of ${names}`, option('layer'), name);
  }
  const before = layers.slice(0, layers.indexOf(layer) + 1);
  const weighted = before.findLast((each) => each.kind === 'conv' || each.kind === 'dense');
  const channels =
    form === 'posterior' || form === 'softmax' ? classes : (weighted as { outputs: number }).outputs;
  return { name, layer, form: form as Form, channels };
};

/** Resolves several layer names, and finds the last layer that must be computed. */
export const namedLayers = (
  net: Architecture,
  names: readonly string[],
  classes?: number,
): { readonly named: readonly NamedLayer[]; readonly needed: readonly Layer[] } => {
  const named = names.map((name) => namedLayer(net, name, classes));
  const layers = layersOf(net);
  const order = layers.map((layer) => layer.name);
  const last = Math.max(...named.map(({ layer }) => order.indexOf(layer.name)));
  return { named, needed: layers.slice(0, last + 1) };
};
