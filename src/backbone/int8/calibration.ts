// Calibration: the net runs in float32 over a few images, and the ranges of its activations are found for 8-bit codes.
import { GraphBuilder } from '../../engine/onnx.js';
import { Session } from '../../engine/session.js';
import type { RgbImage } from '../../images/image.js';
import type { OnProgress } from '../../progress.js';
import { type Layer, layersOf } from '../nets/architecture.js';
import type { Backbone } from '../nets/backbone.js';
import { addLayer, normalise, placeOf, planes } from '../nets/graph.js';
import { Histogram } from './histogram.js';

/** A place where activations are stored in 8 bits: after a layer and the pooling that follows it, if one does. */
export interface Point {
  /** Layer whose output is stored: "conv1_2", "lrn1", "fc6". */
  readonly layer: string;
  /** Layer after which it is observed: the max-pool behind it, or itself. */
  readonly observed: string;
}

/** The layers that are computed on 8-bit activations; fc7 and fc8 give float32. */
export const quantisedLayers = (layers: readonly Layer[]): readonly Layer[] =>
  layers.filter(({ name }) => name !== 'fc7' && name !== 'fc8');

/** Where activations of a net are stored in 8 bits. */
const pointsOf = (backbone: Backbone): Point[] => {
  const layers = quantisedLayers(layersOf(backbone.metadata.architecture));
  return layers.flatMap(({ kind, name }, i) => {
    const next = layers[i + 1];
    return kind === 'pool' ? [] : [{ layer: name, observed: next?.kind === 'pool' ? next.name : name }];
  });
};

/** The largest number that each point can store, by layer name. */
export type Ranges = Readonly<Record<string, number>>;

/** The net in float32 with all points as outputs. */
const observer = (backbone: Backbone, points: readonly Point[]): Uint8Array => {
  const graph = new GraphBuilder();
  const { input, architecture } = backbone.metadata;
  const pixels = graph.input('pixels', 'uint8', [1, 'height', 'width', 3]);
  let x = normalise(graph, planes(graph, pixels, input.order), input);
  for (const layer of quantisedLayers(layersOf(architecture))) {
    x = addLayer(graph, backbone, layer, x).output;
    for (const { observed, layer: name } of points) {
      if (observed !== layer.name) continue;
      const value = graph.node('Identity', [x], {}, { name: `point_${name}` });
      graph.output(value, 'float32', [1, 'channels', `height_${name}`, `width_${name}`]);
    }
  }
  return graph.model();
};

/** How ranges are chosen from histograms: least squared error, or the 99.9th percentile (worse; to be compared with). */
export type RangeMethod = 'mse' | 'percentile';

/**
 * Finds the ranges of all points over calibration images.
 *
 * @param images views as the net will see them, a few dozen, such as of two scales
 */
export const calibrate = (
  backbone: Backbone,
  images: readonly RgbImage[],
  threads: number,
  onProgress?: OnProgress,
  method: RangeMethod = 'mse',
): Ranges => {
  const points = pointsOf(backbone);
  const histograms = new Map(points.map(({ layer }) => [layer, new Histogram()]));
  const session = Session.create(observer(backbone, points), {
    threads,
    externalDataFolder: placeOf(backbone.path).folder,
    config: { 'session.use_env_allocators': '0' }, // Its memory is given back when it closes.
  });
  try {
    images.forEach(({ width, height, data }, i) => {
      const outputs = session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data } });
      for (const [layer, histogram] of histograms)
        histogram.add(outputs[`point_${layer}`]!.data as Float32Array);
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
