// Imports VGG nets from Caffe's .caffemodel: the layers in order, with their parameters if the file has them.
import { expected } from '../../../errors.js';
import { type CaffeLayer, openCaffemodel } from '../../../formats/caffemodel.js';
import type { LazyTensor } from '../../../formats/tensor.js';
import { type WeightSource, inputPresets } from './source.js';
import { type Step, type StepKind, netOf } from './steps.js';

const other = (what: string): StepKind => ({ kind: 'other', what });

/** Old blobs have four axes: those before the last `axes` are 1. */
const squeezed = (tensor: LazyTensor, axes: number): LazyTensor => {
  const kept = tensor.shape.slice(-axes);
  const dropped = tensor.shape.slice(0, -axes);
  return dropped.every((n) => n === 1) ? { ...tensor, shape: kept } : tensor;
};

/**
 * A parameter for rows and columns: `stride`, or `stride_h` and `stride_w`; undefined if missing from the
 * file.
 */
const pair = (
  { parameters }: CaffeLayer,
  name: string,
  suffix: string,
  otherwise: number,
): [number, number] => {
  const both = [parameters?.[name] ?? []].flat();
  const one = (axis: string, i: number): number => {
    const own = parameters?.[`${suffix}_${axis}`];
    return typeof own === 'number' ? own : (both[i] ?? both[0] ?? otherwise);
  };
  return [one('h', 0), one('w', 1)];
};

const number = ({ parameters }: CaffeLayer, name: string, otherwise: number): number => {
  const value = parameters?.[name];
  return typeof value === 'number' ? value : otherwise;
};

const weightsOf = (path: string, { name, blobs }: CaffeLayer): [LazyTensor, LazyTensor | undefined] => {
  const [kernel, bias] = blobs;
  if (!kernel) throw expected('weights', `the layer ${name} of ${path}`, 'none');
  return [kernel, bias && squeezed(bias, 1)];
};

const convolution = (path: string, layer: CaffeLayer): StepKind => {
  const [kernel, bias] = weightsOf(path, layer);
  const [h, w] = pair(layer, 'pad', 'pad', 0);
  return {
    kind: 'conv',
    kernel,
    axes: 'oihw',
    window: [kernel.shape[2] ?? 1, kernel.shape[3] ?? 1],
    bias,
    strides: pair(layer, 'stride', 'stride', 1),
    // For a file without layer parameters, assume VGG's convolutions, which keep the size of the map.
    pads: layer.parameters ? [h, w, h, w] : 'same',
    dilations: [number(layer, 'dilation', 1)],
    groups: number(layer, 'group', 1),
  };
};

const innerProduct = (path: string, layer: CaffeLayer): StepKind => {
  const [kernel, bias] = weightsOf(path, layer);
  const turned = number(layer, 'transpose', 0) === 1;
  return { kind: 'dense', kernel: squeezed(kernel, 2), axes: turned ? 'ihwo' : 'oihw', bias };
};

const MAX = 0;

const pooling = (layer: CaffeLayer): StepKind => {
  const method = number(layer, 'pool', MAX);
  if (method !== MAX) {
    return number(layer, 'global_pooling', 0) === 1 ? { kind: 'average' } : other('average pooling');
  }
  if (number(layer, 'global_pooling', 0) === 1) return other('a maximum over all positions');
  const [h, w] = pair(layer, 'pad', 'pad', 0);
  // For a file without parameters, assume VGG's pools; Caffe's own default is a stride of 1.
  const otherwise = layer.parameters ? 1 : 2;
  return {
    kind: 'pool',
    window: pair(layer, 'kernel_size', 'kernel', 2),
    strides: pair(layer, 'stride', 'stride', otherwise),
    pads: [h, w, h, w],
  };
};

const lrn = (layer: CaffeLayer): StepKind => {
  if (number(layer, 'norm_region', 0) !== 0) return other('normalisation within channels');
  const size = number(layer, 'local_size', 5);
  // Without parameters only the presence of normalisation is known.
  const alpha = layer.parameters ? number(layer, 'alpha', 1) / size : 1e-4;
  return {
    kind: 'lrn',
    size,
    alpha,
    beta: number(layer, 'beta', 0.75),
    k: layer.parameters ? number(layer, 'k', 1) : 2,
  };
};

const kindOf = (path: string, layer: CaffeLayer): StepKind | undefined => {
  switch (layer.type) {
    case 'Convolution':
      return convolution(path, layer);
    case 'InnerProduct':
      return innerProduct(path, layer);
    case 'Pooling':
      return pooling(layer);
    case 'ReLU':
      return number(layer, 'negative_slope', 0) === 0
        ? { kind: 'relu' }
        : other('an activation that is no ReLU');
    case 'LRN':
      return lrn(layer);
    case 'Flatten':
      return { kind: 'flatten' };
    case 'Softmax':
    case 'SoftmaxWithLoss':
    case 'Sigmoid':
    case 'ArgMax':
      return { kind: 'output' };
    default:
      return other('a layer that no VGG net has');
  }
};

/** Layers that load images, copy a value or compute a metric: not part of the net. */
const aside = /^(Input|Split|Dropout|Accuracy|Silence|DummyData|.*Data)$/;

/** Converts the layers to steps; a layer whose input is not the preceding layer's output ends the chain. */
const stepsOf = (path: string, layers: readonly CaffeLayer[]): Step[] => {
  const isLinked = layers.some(
    (layer, i) => i > 0 && layer.bottoms.some((name) => layers[i - 1]!.tops.includes(name)),
  );
  const steps: Step[] = [];
  let current = new Set<string>();
  for (const layer of layers) {
    const { name, type, bottoms, tops } = layer;
    const follows = !isLinked || steps.length === 0 || bottoms.some((bottom) => current.has(bottom));
    if (aside.test(type)) {
      if (type === 'Split' && follows) tops.forEach((top) => current.add(top));
      else if (type === 'Dropout' && follows)
        current = new Set([...tops, ...bottoms.filter((b) => tops.includes(b))]);
      continue;
    }
    const place = { name, op: type };
    const kind = follows
      ? kindOf(path, layer)
      : other(`a second use of the value ${bottoms.join(', ')}: the net branches`);
    if (kind) steps.push({ ...kind, ...place });
    current = new Set(tops);
  }
  return steps;
};

/** Opens a .caffemodel. @throws UsageError naming the file and the fault */
export const openCaffe = async (path: string): Promise<WeightSource> => {
  const file = openCaffemodel(path);
  try {
    const net = await netOf(path, stepsOf(path, file.layers));
    return {
      format: 'caffemodel',
      ...net,
      input: inputPresets.oxford,
      close: () => {
        file.close();
        return Promise.resolve();
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
};
