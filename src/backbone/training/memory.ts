// The memory of a training run, reckoned from the net before anything is allocated: what the engine keeps of a step, and what is
// around it. Checked against measured runs by `npm run bench -- memory`.
import type { ConvolutionShape } from '../../engine/onnxruntime/convolution/geometry.js';
import { capacityFor } from '../../engine/onnxruntime/pool.js';
import { planFor } from '../../engine/onnxruntime/winograd/plan.js';
import { PLANES } from '../../engine/onnxruntime/winograd/units.js';
import { type Need } from '../../memory.js';
import { sizeFromShape } from '../../shape.js';
import {
  type Architecture,
  type ConvLayer,
  type Layer,
  layersOf,
  weightedLayersOf,
} from '../nets/architecture.js';
import { type LayerHandler, interpret } from '../nets/interpret.js';
import { tensorsOf, tfShape } from '../nets/layout.js';

/** What the memory of a run depends on. */
export interface TrainingSize {
  readonly net: Architecture;
  /** Images in the net at once; 0 for a run without steps. */
  readonly images: number;
  /** Gradients of the whole net that are held besides those of the running part of a batch. */
  readonly heldGradients: number;
  /** Tensors that are not trained, by name. */
  readonly isFrozen?: (tensor: string) => boolean;
  /** Whether an average of the weights is kept. */
  readonly averaged?: boolean;
  /** The net that teaches this one. */
  readonly teacher?: Architecture;
  /** Channels of the engine's blocks; 0 where it has none. */
  readonly nchwcBlock: number;
  /** Threads that compute. */
  readonly threads: number;
  /** Threads that prepare images. */
  readonly workers: number;
  /** Batches prepared ahead. */
  readonly prefetch: number;
  /** Bytes of decoded images that are kept. */
  readonly cacheBytes: number;
}

const MB = 1e6;

/** Node, ONNX Runtime and sharp, with graphs and small tensors; and each thread that computes, or that prepares images. */
const RUNTIME = 185 * MB;
const COMPUTE_THREAD = 18 * MB;
const IMAGE_THREAD = 18 * MB;

/** Memory outside its heap that Node has lost track of before it collects. */
const UNCOLLECTED = 110 * MB;

/** Bytes of the engine's buffer for a tensor of this many numbers. */
const bufferBytes = (length: number): number => 4 * capacityFor(length);

/** The maps of one image on their way through the net. */
interface Maps {
  readonly side: number;
  readonly channels: number;
}

/** Numbers of a step's tensors for `images` images. */
interface StepLengths {
  /** What stays until the end of the step: outputs of layers, and their gradients. */
  readonly kept: number[];
  /** The largest of these is needed besides: copies for one convolution's gradient, and the inside of one graph. */
  readonly workspace: number[];
  readonly insideGraph: number[];
}

/** Smaller tensors are no matter. */
const FEW = 1024;
/** Copies of a map inside the graph of the gradient of local response normalisation. */
const LRN_COPIES = 7;
/** Maps of at most this many columns take the engine's way for narrow maps. */
const NARROW = 8;
/** With fewer input channels the engine copies them for each position of the filter. */
const COLUMNS = 16;

/** What a convolution's gradient needs besides its operands, in numbers. */
const ofFilterGradient = (
  layer: ConvLayer,
  side: number,
  { images, nchwcBlock, threads }: TrainingSize,
  { workspace, insideGraph }: StepLengths,
): void => {
  const { inputs, outputs, kernel, padding } = layer;
  if (kernel === 1) return;
  const positions = images * (side + padding) ** 2;
  if (inputs < COLUMNS) {
    // x in another order and padded, a copy for each position of the filter, and those joined.
    insideGraph.push(positions * inputs * (2 + 2 * kernel ** 2));
    return;
  }
  const shape: ConvolutionShape = {
    kernel: [kernel, kernel],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [padding, padding, padding, padding],
    inChannels: inputs,
    outChannels: outputs,
  };
  const maps = (channels: number): number[] => [images, side, side, channels];
  const plan = planFor({ nchwcBlock, threads }, 'filterGradient', shape, maps(inputs), maps(outputs));
  if (plan) workspace.push(plan.partialSums * PLANES * inputs * outputs);
  else if (side <= NARROW) workspace.push(positions * (inputs + kernel * outputs));
  else {
    workspace.push(positions * (2 * inputs + 2 * outputs));
    insideGraph.push(positions * Math.max(inputs, outputs));
  }
};

/** The tensors of a step: a tape keeps every output, and every gradient, until the whole gradient is there. */
const stepLengths = (size: TrainingSize): StepLengths => {
  const { net, images, nchwcBlock, isFrozen = () => false } = size;
  const lengths: StepLengths = { kept: [], workspace: [0], insideGraph: [0] };
  const layers = layersOf(net);
  const firstTrained = layers.findIndex(
    ({ kind, name }) =>
      (kind === 'conv' || kind === 'dense') && !(isFrozen(`${name}.weight`) && isFrozen(`${name}.bias`)),
  );
  const hasGradient = (layer: Layer): boolean => firstTrained >= 0 && layers.indexOf(layer) >= firstTrained;
  const nextOf = (layer: Layer): Layer | undefined => layers[layers.indexOf(layer) + 1];
  const lengthOf = ({ side, channels }: Maps): number => images * side * side * channels;
  const keep = (maps: Maps, copies: number): void => {
    for (let i = 0; i < copies; i++) lengths.kept.push(lengthOf(maps));
  };
  const handler: LayerHandler<Maps> = {
    conv: ({ side }, layer) => {
      const maps = { side, channels: layer.outputs };
      // In blocks, a convolution is computed together with the ReLU that follows, and nothing else is kept of it.
      const inBlocks = nchwcBlock > 0 && layer.outputs % nchwcBlock === 0 && layer.kernel > 1;
      // What is computed together with the max-pooling that follows: the gradient of ReLU, and ReLU of what is normalised.
      const joined = nextOf(layer)?.kind === 'pool' && layer.outputs % 4 === 0;
      keep(maps, inBlocks && (!layer.batchNorm || joined) ? 1 : 2);
      if (hasGradient(layer)) {
        keep(maps, joined ? 1 : 2);
        if (!isFrozen(`${layer.name}.weight`)) ofFilterGradient(layer, side, size, lengths);
      }
      return maps;
    },
    relu: (maps) => maps,
    batchNorm: (maps) => maps,
    lrn: (maps, layer) => {
      keep(maps, hasGradient(layer) ? 2 : 1);
      lengths.insideGraph.push(LRN_COPIES * lengthOf(maps));
      return maps;
    },
    pool: ({ side, channels }, layer) => {
      const maps = { side: side / 2, channels };
      keep(maps, hasGradient(layer) ? 2 : 1);
      return maps;
    },
    // Before and after ReLU, dropout's mask and product, and the gradients of all but the mask.
    dense: (_, { outputs }) => {
      const maps = { side: 1, channels: outputs };
      keep(maps, 7);
      return maps;
    },
  };
  const pixels = { side: net.inputSize, channels: 3 };
  keep(pixels, 1);
  interpret(layers, handler, pixels);
  return lengths;
};

const largest = (lengths: readonly number[]): number => lengths.reduce((a, b) => Math.max(a, b), 0);

const bytesOf = (lengths: readonly number[]): number =>
  lengths.filter((length) => length >= FEW).reduce((sum, length) => sum + bufferBytes(length), 0);

/** Weights, velocities, gradients and averages. */
const parameterNeeds = (size: TrainingSize): Need[] => {
  const { net, images, heldGradients, averaged = false, isFrozen = () => false } = size;
  const tensors = tensorsOf(net).map(({ name, layer, bias }) => {
    const length = bias ? layer.outputs : sizeFromShape(tfShape(layer));
    // A frozen kernel is kept in the engine's order too: it stays the same from step to step.
    return {
      length,
      copies: isFrozen(name) ? 0 : 1,
      reordered: isFrozen(name) && layer.kind === 'conv' && !bias,
    };
  });
  const trained = tensors.filter(({ copies }) => copies > 0).map(({ length }) => length);
  const reordered = tensors.filter((each) => each.reordered).map(({ length }) => (length * PLANES) / 9);
  const gradients = images === 0 ? 0 : bytesOf(trained);
  // Where parts are added up, the sums, and a new sum of one tensor of each size at a time.
  const sums = heldGradients > 0 ? heldGradients * gradients + bytesOf([...new Set(trained)]) : 0;
  return [
    ['weights', bytesOf(tensors.map(({ length }) => length)) + bytesOf(reordered)],
    ['velocities', bytesOf(trained)],
    ['gradients', gradients + sums],
    ...(averaged ? [['average of weights', bytesOf(trained)] satisfies Need] : []),
  ];
};

/** A teacher's weights, and the outputs of its layers: nothing of it is trained. */
const teacherNeeds = (size: TrainingSize, net: Architecture): Need => {
  const own = { ...size, net, averaged: false, isFrozen: () => true };
  const weights = parameterNeeds(own).reduce((sum, [, bytes]) => sum + bytes, 0);
  return ['teacher', weights + bytesOf(stepLengths(own).kept)];
};

/**
 * What writing a checkpoint takes: the largest tensor as it is read and in the order of the file, and what was read before
 * and is not yet collected.
 */
const checkpointBytes = (net: Architecture): number => {
  const tensors = weightedLayersOf(net).map((layer) => 4 * sizeFromShape(tfShape(layer)));
  const all = tensors.reduce((sum, bytes) => sum + bytes, 0);
  return 2 * largest(tensors) + Math.min(UNCOLLECTED, 4 * all - 2 * largest(tensors));
};

/** The memory that a run needs at its peak, by use. */
export const trainingNeeds = (size: TrainingSize): Need[] => {
  const { net, images, threads, workers, prefetch, cacheBytes } = size;
  const { kept, workspace, insideGraph } = stepLengths(size);
  return [
    ...parameterNeeds(size),
    ...(size.teacher ? [teacherNeeds(size, size.teacher)] : []),
    ['activations and their gradients', bytesOf(kept)],
    ['convolutions', bytesOf([largest(workspace), largest(insideGraph)])],
    ['writing checkpoints', checkpointBytes(net)],
    // Each batch is in the memory of the threads that prepare it, and then in order.
    ['batches prepared ahead', 2 * (prefetch + 1) * 4 * images * 3 * net.inputSize ** 2],
    ['the cache of images', cacheBytes],
    ['the program and its threads', RUNTIME + (threads - 1) * COMPUTE_THREAD + workers * IMAGE_THREAD],
  ];
};
