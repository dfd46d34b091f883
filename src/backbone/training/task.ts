// What a net is trained for: classes, or their boxes (paper, appendix A); and what follows from that.
import { type OptionName, UsageError, expected, option, text } from '../../errors.js';
import type { Backbone } from '../nets/backbone.js';
import { type BoxOutputs, outputsOf } from '../nets/box-parameters.js';
import type { TrueBox } from '../boxes/located.js';
import { boxItems, boxMoments } from './box-targets.js';
import { centred } from './augmentation.js';
import type { Example } from './loader.js';
import type { TrainingOptions } from './options.js';
import type { TrainRun, TrainingData } from './training-run.js';
import type { Item } from '../../datasets/dataset.js';

type Task = Pick<
  TrainingOptions,
  'task' | 'regression' | 'superclassLoss' | 'labelSmoothing' | 'orient' | 'teacher'
>;

const isLocalisation = ({ task }: Pick<TrainingOptions, 'task'>): boolean => task === 'localisation';

/** Refuses options that have no part in localisation. @throws UsageError naming the option */
export const checkTask = (options: Task): void => {
  if (!isLocalisation(options)) return;
  const others: readonly [OptionName, boolean, string][] = [
    [option('superclassLoss'), options.superclassLoss > 0, 'Boxes have no superclasses.'],
    [option('labelSmoothing'), options.labelSmoothing > 0, 'Boxes have no classes to smooth.'],
    [option('teacher'), options.teacher !== undefined, 'A teacher scores classes.'],
    [option('orient'), options.orient === true, 'Boxes are in pixels of the image as stored.'],
  ];
  for (const [name, isGiven, why] of others) {
    if (isGiven) throw expected(text`${option('task')} classification`, name, options.task, why);
  }
};

/** The items that train and validate, and the true box of each in localisation. */
export interface TaskData extends TrainingData {
  readonly truths: ReadonlyMap<Item, TrueBox>;
  /** Images without a box, which are left out. */
  readonly without?: { readonly train: number; readonly validation: number };
}

/** The images of the task: in localisation those with a box, each as often as it has classes with one. */
export const taskData = async (
  data: TrainingData,
  options: Pick<Task, 'task' | 'regression'>,
  watch: {
    readonly note?: TrainRun['note'] | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<TaskData> => {
  if (!isLocalisation(options)) return { ...data, truths: new Map() };
  const { train, validation, without } = await boxItems(data, data.classes, options.regression, watch);
  return {
    ...{ classes: data.classes, train: train.items, validation: validation.items, without },
    truths: new Map([...train.truths, ...validation.truths]),
  };
};

/** Number of outputs of fc8. */
export const outputsFor = (options: Task, classes: number, superclasses: number): number =>
  isLocalisation(options) ? outputsOf(options.regression, classes) : classes + superclasses;

/** Whether an initial net has the same last layer: it predicts boxes of the same form and classes. */
export const hasSameBoxes = (
  { metadata }: Backbone,
  options: Pick<Task, 'task' | 'regression'>,
  classes: readonly string[],
): boolean =>
  isLocalisation(options) &&
  metadata.boxes?.regression === options.regression &&
  metadata.classes.join('\n') === classes.join('\n');

/**
 * Whether fc8 begins anew: for other classes if so asked for; for boxes unless the initial net predicts the same.
 *
 * @throws UsageError if the initial net knows other classes, or predicts boxes where classes are wanted
 */
export const isLastLayerNew = (
  source: Backbone,
  options: Pick<TrainingOptions, 'task' | 'regression' | 'classes'>,
  classes: readonly string[],
): boolean => {
  if (options.classes === 'new') return true;
  const { classes: known, boxes } = source.metadata;
  if (!isLocalisation(options)) {
    if (!boxes) return false;
    throw new UsageError(
      text`Expected a net of classes for ${option('initFrom')} but ${source.path} predicts boxes. Add ${option('classes')} new to replace its last layer.`,
    );
  }
  if (known.length > 0 && known.join('\n') !== classes.join('\n')) {
    const other =
      classes.find((name) => !known.includes(name)) ?? known.find((name) => !classes.includes(name));
    throw new UsageError(
      text`Expected a net of the ${classes.length} classes in ${option('data')} for ${option('initFrom')} but ${source.path} knows ${known.length} others${other === undefined ? '' : ` (${other} is not in both)`}. Add ${option('classes')} new if that is meant.`,
    );
  }
  return !hasSameBoxes(source, options, classes);
};

/** How the outputs are boxes: as in the initial net if its last layer is taken, else by the training set. */
export const boxOutputsOf = (
  options: Pick<TrainingOptions, 'task' | 'regression' | 'classes'>,
  source: Backbone | undefined,
  classes: readonly string[],
  examples: readonly Example[],
  crop: number,
  trainSide: readonly [number, number],
): BoxOutputs | undefined => {
  if (!isLocalisation(options)) return undefined;
  if (source && options.classes !== 'new' && hasSameBoxes(source, options, classes))
    return source.metadata.boxes;
  const draw = centred({ crop, trainSide, flip: false, colourShift: 0 });
  return { regression: options.regression, ...boxMoments(examples, draw, crop) };
};
