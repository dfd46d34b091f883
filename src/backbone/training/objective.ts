// What a net learns: scores of classes by cross-entropy, or boxes by the Euclidean loss (paper, section 3.1 and appendix A).
import { overlap, ENOUGH } from '../../evaluation/localisation.js';
import {
  type BoxNumbers,
  type BoxOutputs,
  firstOutput,
  fromCrop,
  outputsOf,
  restored,
} from '../nets/box-parameters.js';
import { type Heads, type SoftTargets, type Target, correctRows, trainingLoss } from './loss.js';

/** Sums over images. */
export type Counts = Readonly<Record<string, number>>;

/** Adds up counts, by name. */
export const addCounts = (a: Counts, b: Counts): Counts => ({
  ...a,
  ...Object.fromEntries(Object.entries(b).map(([name, value]) => [name, (a[name] ?? 0) + value])),
});

/** A figure of an epoch, in percent. */
export interface Figure {
  /** As in an epoch's record, after `train` or `validation`. */
  readonly key: 'Top1Error' | 'Top5Error' | 'BoxError' | 'MeanIou';
  /** In curves and TensorBoard. */
  readonly name: string;
  readonly of: (counts: Counts, images: number) => number;
}

const errorPercent = (right: number, images: number): number =>
  images === 0 ? 100 : 100 * (1 - right / images);

const classFigures: readonly Figure[] = [
  { key: 'Top1Error', name: 'top-1 error', of: ({ top1 = 0 }, images) => errorPercent(top1, images) },
  { key: 'Top5Error', name: 'top-5 error', of: ({ top5 = 0 }, images) => errorPercent(top5, images) },
];

const boxFigures: readonly Figure[] = [
  { key: 'BoxError', name: 'box error', of: ({ right = 0 }, images) => errorPercent(right, images) },
  {
    key: 'MeanIou',
    name: 'mean IoU',
    of: ({ iou = 0 }, images) => (images === 0 ? 0 : (100 * iou) / images),
  },
];

/** The figures of an epoch's record. */
export const figuresOf = ({ boxes }: { readonly boxes?: BoxOutputs | undefined }): readonly Figure[] =>
  boxes ? boxFigures : classFigures;

/** A loss, its gradient by the outputs, and how right the outputs are. */
export interface Objective {
  loss(
    outputs: Float32Array,
    targets: readonly Target[],
    divisor: number,
    teacher?: SoftTargets,
  ): { loss: number; gradient: Float32Array };
  counts(outputs: Float32Array, targets: readonly Target[]): Counts;
  /** The loss of a net that knows nothing. */
  readonly chance: number;
}

const fourAt = (outputs: Float32Array, at: number): BoxNumbers =>
  Array.from(outputs.subarray(at, at + 4)) as unknown as BoxNumbers;

/**
 * The Euclidean loss as Caffe has it: half the squared distance between the parameters predicted for the image's class and
 * the true ones, both standardised, summed over the rows and divided by `divisor`. Outputs of other classes have no part in it.
 */
export const boxLoss = (
  outputs: Float32Array,
  targets: readonly Target[],
  columns: number,
  regression: BoxOutputs['regression'],
  divisor: number,
): { loss: number; gradient: Float32Array } => {
  const gradient = new Float32Array(outputs.length);
  let loss = 0;
  targets.forEach(({ label, box }, row) => {
    const at = row * columns + firstOutput(regression, label);
    box!.forEach((wanted, i) => {
      const difference = outputs[at + i]! - wanted;
      loss += difference ** 2 / (2 * divisor);
      gradient[at + i] = difference / divisor;
    });
  });
  return { loss, gradient };
};

/** The crop as the unit square: boxes are compared in its own unit. */
const UNIT = { left: 0, top: 0, side: 1, flip: false, scaleX: 1, scaleY: 1 };

const boxObjective = (classes: number, boxes: BoxOutputs): Objective => {
  const columns = outputsOf(boxes.regression, classes);
  return {
    loss: (outputs, targets, divisor) => boxLoss(outputs, targets, columns, boxes.regression, divisor),
    counts: (outputs, targets) => {
      let [right, iou] = [0, 0];
      targets.forEach(({ label, box }, row) => {
        const at = row * columns + firstOutput(boxes.regression, label);
        const [mine, own] = [fourAt(outputs, at), box!].map((four) => fromCrop(restored(four, boxes), UNIT));
        const shared = overlap(mine!, own!);
        iou += shared;
        if (shared >= ENOUGH) right++;
      });
      return { right, iou };
    },
    chance: 2, // Four standardised parameters, of which the mean is predicted.
  };
};

/** The objective of a net with these heads. */
export const objectiveOf = (heads: Heads): Objective => {
  const { classes, superclasses, superclassLoss, boxes } = heads;
  if (boxes) return boxObjective(classes, boxes);
  return {
    loss: (scores, targets, divisor, teacher) => trainingLoss(scores, targets, heads, divisor, teacher),
    counts: (scores, targets) => correctRows(scores, classes + superclasses, classes, targets),
    chance: Math.log(Math.max(2, classes)) + superclassLoss * Math.log(Math.max(2, superclasses)),
  };
};
