// Calibration: runs the net in float32 on a few images and finds the ranges of its activations for 8-bit
// codes.
import { GraphBuilder } from '../../engine/onnx.js';
import { Session } from '../../engine/session.js';
import type { RgbImage } from '../../images/image.js';
import type { OnProgress } from '../../progress.js';
import { type Layer, layersOf } from '../nets/architecture.js';
import type { Backbone } from '../nets/backbone.js';
import { externalFile, float32Handler, normalise, toNchw } from '../nets/graph.js';
import { interpret, unchanged } from '../nets/interpret.js';
import { Histogram } from './histogram.js';

/** Activations of a layer that are stored in 8 bits, and where their range is observed. */
interface QuantisedActivation {
  /** Layer whose output is stored: "conv1_2", "lrn1", "fc6". */
  readonly layer: string;
  /** Layer after which it is observed: the max-pool that follows, or the layer itself. */
  readonly observed: string;
}

/** The layers whose inputs and outputs are both 8-bit activations; fc7 and fc8 give float32. */
const quantisedLayers = (layers: readonly Layer[]): readonly Layer[] =>
  layers.filter(({ name }) => name !== 'fc7' && name !== 'fc8');

/** Which activations of a net are stored in 8 bits. */
export const quantisedActivations = ({ metadata }: Backbone): QuantisedActivation[] => {
  const found = new Map<string, QuantisedActivation>();
  const stored = (_: string, { name }: Layer): string => {
    found.set(name, { layer: name, observed: name });
    return name;
  };
  const observedLater = (layer: string, { name }: Layer): string => {
    found.set(layer, { layer, observed: name });
    return layer;
  };
  const handler = { conv: stored, dense: stored, lrn: stored, relu: unchanged<string>, pool: observedLater };
  interpret(quantisedLayers(layersOf(metadata.architecture)), handler, 'pixels');
  return [...found.values()];
};

/** The largest activation that 8 bits can store, by layer name. */
export type Ranges = Readonly<Record<string, number>>;

/** The float32 net; its outputs are the observed activations. */
const observer = (backbone: Backbone, activations: readonly QuantisedActivation[]): Uint8Array => {
  const graph = new GraphBuilder();
  const { input, architecture } = backbone.metadata;
  const pixels = graph.input('pixels', 'uint8', [1, 'height', 'width', 3]);
  const image = normalise(graph, toNchw(graph, pixels, input.order), input);
  const layers = quantisedLayers(layersOf(architecture));
  interpret(layers, float32Handler(graph, backbone), image, ({ name: after }, { output }) => {
    for (const { observed, layer: name } of activations) {
      if (observed !== after) continue;
      const value = graph.node('Identity', [output], {}, { name: `observed_${name}` });
      graph.output(value, 'float32', [1, 'channels', `height_${name}`, `width_${name}`]);
    }
  });
  return graph.model();
};

/**
 * How ranges are chosen from histograms: least squared error, or the 99.9th percentile (worse; for
 * comparison).
 */
type RangeMethod = 'mse' | 'percentile';

/**
 * Finds the ranges of all activations stored in 8 bits over the calibration images.
 *
 * @param images a few dozen images, scaled as the net will get them, for example at two scales
 */
export const calibrate = (
  backbone: Backbone,
  images: readonly RgbImage[],
  threads: number,
  onProgress?: OnProgress,
  method: RangeMethod = 'mse',
): Ranges => {
  const activations = quantisedActivations(backbone);
  const histograms = new Map(activations.map(({ layer }) => [layer, new Histogram()]));
  const session = Session.create(observer(backbone, activations), {
    threads,
    externalDataFolder: externalFile(backbone.path).folder,
    config: { 'session.use_env_allocators': '0' }, // Its memory is given back when it closes.
  });
  try {
    images.forEach(({ width, height, data }, i) => {
      const outputs = session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data } });
      for (const [layer, histogram] of histograms)
        histogram.add(outputs[`observed_${layer}`]!.data as Float32Array);
      onProgress?.({ task: 'calibrate', done: i + 1, total: images.length, unit: 'views' });
    });
  } finally {
    session.close();
  }
  return Object.fromEntries(
    [...histograms].map(([layer, histogram]) => [
      layer,
      method === 'mse' ? histogram.bestRange() : histogram.percentile(0.999),
    ]),
  );
};
