// Nets of boxes on images: the box of a class from the central crop, and from every window of the whole image (appendix A).
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Box } from '../../datasets/dataset.js';
import { UsageError, expected, option, text } from '../../errors.js';
import { centreCrop } from '../../images/crop.js';
import type { RgbImage } from '../../images/image.js';
import { resizeSmallestSide } from '../../images/resize.js';
import { defaultInterpolation } from '../../interpolation.js';
import type { Backbone } from '../nets/backbone.js';
import { type BoxNumbers, firstOutput, fromCrop, restored } from '../nets/box-parameters.js';
import { loadWeights, normalised } from '../nets/dense-activations.js';
import { type Tf, denseForward } from '../nets/forward.js';
import { type RatedBox, mergeBoxes } from './merge.js';

/** The last layer's outputs at every place of an image, and of its mirror image. */
interface OutputMap {
  readonly rows: number;
  readonly columns: number;
  readonly outputs: number;
  /** [views, rows, columns, outputs] */
  readonly data: Float32Array;
}

/** A net on an engine. */
interface LoadedNet {
  readonly backbone: Backbone;
  readonly weights: Map<string, tfjs.Tensor>;
}

/** How the whole image is searched. */
export interface Search {
  /** Smallest sides Q of each net of boxes, in their order. */
  readonly scales: readonly (readonly number[])[];
  readonly flip: boolean;
  readonly mergeThreshold: number;
}

/** A class with its box, likeliest first. */
export interface BoxGuess {
  readonly label: number;
  readonly box: Box;
  /** The class's mean score, by the nets of classes. */
  readonly probability: number;
}

/** The smallest side S that a net was trained at: the middle of a range. */
export const trainedSide = ({ metadata }: Backbone): number => {
  const { inputSize } = metadata.architecture;
  const sides = metadata.training?.['sides'];
  const known = Array.isArray(sides) && sides.every((side) => typeof side === 'number') ? sides : [];
  const middle = known.reduce((sum, side) => sum + side, 0) / known.length;
  return known.length > 0 ? Math.round(middle) : Math.round((inputSize * 256) / 224);
};

/** A box in whole pixels within an image; at least one pixel. */
export const wholePixels = (
  { x, y, width, height }: Box,
  image: { readonly width: number; readonly height: number },
): Box => {
  const within = (value: number, most: number): number => Math.min(most, Math.max(0, Math.round(value)));
  const [left, top] = [within(x, image.width - 1), within(y, image.height - 1)];
  const [right, bottom] = [within(x + width, image.width), within(y + height, image.height)];
  return { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
};

/** Checks that nets of boxes and of classes belong together. @throws UsageError naming the file */
const checkNets = (nets: readonly Backbone[], classifiers: readonly Backbone[]): void => {
  const [first] = nets;
  if (!first) throw expected('at least one net of boxes', option('backbone'), 'none');
  const { classes, architecture } = first.metadata;
  for (const { path, metadata } of nets) {
    if (!metadata.boxes) {
      throw expected(
        'a net of boxes',
        option('backbone'),
        `${path}, which predicts classes`,
        text`Train one with ${option('task')} localisation; nets of classes are given with ${option('classNet')}.`,
      );
    }
  }
  for (const { path, metadata } of classifiers) {
    if (metadata.boxes)
      throw expected('a net of classes', option('classNet'), `${path}, which predicts boxes`);
  }
  for (const { path, metadata } of [...nets, ...classifiers]) {
    const { inputSize, blocks, outputs } = metadata.architecture;
    const isSame =
      metadata.classes.length > 0
        ? metadata.classes.join('\n') === classes.join('\n')
        : !metadata.boxes && outputs === classes.length;
    const other = metadata.classes.find((name) => !classes.includes(name));
    if (!isSame) {
      throw new UsageError(
        `Expected nets of the same ${classes.length} classes as ${first.path} but ${path} knows others (${other ?? `${metadata.classes.length || outputs} of them`}).`,
      );
    }
    if (inputSize !== architecture.inputSize || blocks !== architecture.blocks) {
      throw new UsageError(
        `Expected nets with an input of ${architecture.inputSize} pixels and ${architecture.blocks} blocks, as ${first.path}, but ${path} has ${inputSize} and ${blocks}: their windows differ.`,
      );
    }
  }
};

/** Class scores of every window, and of the image. */
interface ClassScores {
  /** Soft-max of each window, [windows, classes], averaged over the nets. */
  readonly windows: Float32Array;
  /** Soft-max of the mean scores of each view, averaged over views and nets (paper, section 3.2). */
  readonly image: Float32Array;
}

const softmaxInto = (
  target: Float32Array,
  at: number,
  scores: ArrayLike<number>,
  from: number,
  classes: number,
  weight: number,
): void => {
  let largest = -Infinity;
  for (let c = 0; c < classes; c++) largest = Math.max(largest, scores[from + c]!);
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(scores[from + c]! - largest);
  for (let c = 0; c < classes; c++) target[at + c]! += (weight * Math.exp(scores[from + c]! - largest)) / sum;
};

const scoresOf = (maps: readonly OutputMap[], views: number, classes: number): ClassScores => {
  const windows = (maps[0]!.rows * maps[0]!.columns * views) | 0;
  const found = { windows: new Float32Array(windows * classes), image: new Float32Array(classes) };
  const perView = windows / views;
  for (const { data, outputs } of maps) {
    for (let view = 0; view < views; view++) {
      const mean = new Float64Array(classes);
      for (let w = view * perView; w < (view + 1) * perView; w++) {
        softmaxInto(found.windows, w * classes, data, w * outputs, classes, 1 / maps.length);
        for (let c = 0; c < classes; c++) mean[c]! += data[w * outputs + c]! / perView;
      }
      softmaxInto(found.image, 0, mean, 0, classes, 1 / (maps.length * views));
    }
  }
  return found;
};

/** The windows of one net at one scale. */
interface Windows {
  readonly count: number;
  /** The box that a window predicts for a class. */
  boxOf(window: number, label: number): Box;
  /** Missing without nets of classes: each window counts the same then. */
  readonly scores: ClassScores | undefined;
}

const best = (scores: Float32Array, count: number): number[] =>
  Array.from(scores.keys())
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, count);

/** An image that was searched: what each combination of nets and scales says. */
export interface Searched {
  /**
   * The likeliest classes with their boxes.
   *
   * @param parts which nets at which of their scales, by index; all if missing
   */
  guesses(count: number, parts?: readonly (readonly [net: number, scale: number])[]): BoxGuess[];
  /** The box of a class. */
  boxOf(label: number, parts?: readonly (readonly [net: number, scale: number])[]): Box;
}

/** Nets of boxes, and nets of classes that rate them. The caller closes it. */
export class Localiser {
  readonly classes: readonly string[];

  private constructor(
    readonly tf: Tf,
    readonly nets: readonly LoadedNet[],
    readonly classifiers: readonly LoadedNet[],
  ) {
    this.classes = nets[0]!.backbone.metadata.classes;
  }

  /** @throws UsageError naming a file that is no net of boxes or of classes, or has other classes or another input */
  static async open(
    tf: Tf,
    nets: readonly Backbone[],
    classifiers: readonly Backbone[] = [],
  ): Promise<Localiser> {
    checkNets(nets, classifiers);
    const load = async (all: readonly Backbone[]): Promise<LoadedNet[]> => {
      const loaded: LoadedNet[] = [];
      for (const backbone of all) loaded.push({ backbone, weights: await loadWeights(tf, backbone) });
      return loaded;
    };
    return new Localiser(tf, await load(nets), await load(classifiers));
  }

  close(): void {
    for (const { weights } of [...this.nets, ...this.classifiers]) this.tf.dispose([...weights.values()]);
  }

  #map({ backbone, weights }: LoadedNet, image: RgbImage, flip: boolean): OutputMap {
    const { tf } = this;
    const map = tf.tidy(() => {
      const x = normalised(tf, backbone, image.data, image.height, image.width);
      const batch = flip ? tf.concat([x, tf.reverse(x, 2)], 0) : x;
      return denseForward(tf, backbone.metadata.architecture, weights, batch);
    });
    const [, rows, columns, outputs] = map.shape;
    const data = Float32Array.from(map.dataSync<'float32'>());
    map.dispose();
    return { rows, columns, outputs, data };
  }

  #scaled(image: RgbImage, side: number, { backbone }: LoadedNet, path: string): Promise<RgbImage> {
    return resizeSmallestSide(
      image,
      side,
      backbone.metadata.input.interpolation ?? defaultInterpolation,
      path,
    );
  }

  /** Simplified testing: the box of each class from the central crop at the net's own S. */
  async central(image: RgbImage, path: string, net = 0): Promise<(label: number) => Box> {
    const loaded = this.nets[net]!;
    const { architecture, boxes } = loaded.backbone.metadata;
    const side = architecture.inputSize;
    const scaled = await this.#scaled(image, trainedSide(loaded.backbone), loaded, path);
    const crop = centreCrop(scaled, side);
    const { data } = this.#map(loaded, crop, false);
    const place = {
      ...{ left: (scaled.width - side) >> 1, top: (scaled.height - side) >> 1, side, flip: false },
      ...{ scaleX: scaled.width / image.width, scaleY: scaled.height / image.height },
    };
    return (label) => {
      const at = firstOutput(boxes!.regression, label);
      const four = Array.from(data.subarray(at, at + 4)) as unknown as BoxNumbers;
      return wholePixels(fromCrop(restored(four, boxes!), place), image);
    };
  }

  /** Full testing: windows over the whole image, of all nets and scales. */
  async search(image: RgbImage, path: string, { scales, flip, mergeThreshold }: Search): Promise<Searched> {
    const classes = this.classes.length;
    const views = flip ? 2 : 1;
    const scores = new Map<number, ClassScores>();
    const parts: Windows[][] = [];
    for (const [n, net] of this.nets.entries()) {
      const own: Windows[] = [];
      for (const side of scales[n]!) {
        const scaled = await this.#scaled(image, side, net, path);
        if (this.classifiers.length > 0 && !scores.has(side)) {
          const maps: OutputMap[] = [];
          for (const classifier of this.classifiers)
            maps.push(this.#map(classifier, await this.#scaled(image, side, classifier, path), flip));
          scores.set(side, scoresOf(maps, views, classes));
        }
        own.push(this.#windows(net, image, scaled, flip, scores.get(side)));
      }
      parts.push(own);
    }
    const every = parts.flatMap((own, n) => own.map((_, s) => [n, s] as const));
    const of = (chosen: readonly (readonly [number, number])[]): Windows[] =>
      chosen.map(([n, s]) => parts[n]![s]!);
    const boxOf = (label: number, chosen: readonly (readonly [number, number])[] = every): Box => {
      const rated = of(chosen).flatMap((windows) =>
        Array.from({ length: windows.count }, (_, w): RatedBox => ({
          box: windows.boxOf(w, label),
          score: windows.scores?.windows[w * classes + label] ?? 1,
          windows: 1,
        })),
      );
      return wholePixels(mergeBoxes(rated, mergeThreshold)[0]!.box, image);
    };
    return {
      boxOf,
      guesses: (count, chosen = every) => {
        const all = of(chosen);
        const mean = new Float32Array(classes);
        for (const { scores: own } of all) own?.image.forEach((value, c) => (mean[c]! += value / all.length));
        return best(mean, count).map((label) => ({
          ...{ label, box: boxOf(label, chosen), probability: mean[label]! },
        }));
      },
    };
  }

  #windows(
    net: LoadedNet,
    image: RgbImage,
    scaled: RgbImage,
    flip: boolean,
    scores: ClassScores | undefined,
  ): Windows {
    const { architecture, boxes } = net.backbone.metadata;
    const { rows, columns, outputs, data } = this.#map(net, scaled, flip);
    const [side, step] = [architecture.inputSize, 2 ** architecture.blocks];
    const perView = rows * columns;
    const scale = { scaleX: scaled.width / image.width, scaleY: scaled.height / image.height };
    return {
      count: perView * (flip ? 2 : 1),
      scores,
      boxOf: (window, label) => {
        const isMirror = window >= perView;
        const place = window % perView;
        const left = step * (place % columns);
        const at = window * outputs + firstOutput(boxes!.regression, label);
        const four = Array.from(data.subarray(at, at + 4)) as unknown as BoxNumbers;
        // A window of the mirror image is the mirrored crop at the other side of the image.
        return fromCrop(restored(four, boxes!), {
          ...{ top: step * Math.floor(place / columns), side, flip: isMirror, ...scale },
          left: isMirror ? scaled.width - side - left : left,
        });
      },
    };
  }
}
