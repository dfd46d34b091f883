// The flags of `verydeep train`: the net, the data, the recipe (the paper's values are defaults), the run.
import { Command, Option } from 'commander';
import { configs } from '../backbone/nets/architecture.js';
import { initialisations } from '../backbone/nets/initialisation.js';
import { schedules } from '../backbone/training/schedule.js';
import { trainDefaults } from '../backbone/training/defaults.js';
import { interpolations } from '../interpolation.js';
import { normalisations } from '../backbone/training/options.js';
import { transfers } from '../backbone/training/transfer.js';
import { expected } from '../errors.js';
import { csvFlags, integer, number, shared } from './options.js';
import type { TrainRequest } from './train-run.js';

/** The flags as commander gives them. */
export type TrainFlags = Omit<TrainRequest, 'data' | 'out' | 'dataset' | 'onProgress' | 'note' | 'signal'> & {
  readonly data?: string;
  readonly out?: string;
  readonly recipe?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
};

const whole =
  (flag: string, least: number) =>
  (text: string): number =>
    integer(text, flag, least);
const real =
  (flag: string, least: number, open = false) =>
  (text: string): number =>
    number(text, flag, least, open);

/** S or S1-S2, in pixels. */
const sides = (text: string): [number, number] => {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text.trim());
  if (!match) throw expected('S or S1-S2 in pixels', '--train-side', text);
  return [Number(match[1]), Number(match[2] ?? match[1])];
};

const share = (text: string): number => {
  const value = number(text, '--validation', 0);
  if (value >= 1) throw expected('a share from 0 to below 1', '--validation', text);
  return value;
};

const netFlags = (): Option[] => [
  new Option('--config <name>', "column of the paper's table 1 (default: A, or --init-from's)").choices(
    configs,
  ),
  new Option('--width <factor>', 'factor on the number of channels (default: 1)').argParser(
    real('--width', 0, true),
  ),
  new Option('--blocks <n>', 'blocks of convolutions, 1 to 5 (default: 5)').argParser(whole('--blocks', 1)),
  new Option('--input-size <pixels>', 'side of the training crop (default: 224)').argParser(
    whole('--input-size', 1),
  ),
  new Option('--fully-connected <n>', 'units of fc6 and fc7 (default: 4096)').argParser(
    whole('--fully-connected', 1),
  ),
  new Option('--init <method>', 'random weights: normal (paper), Glorot, He')
    .choices(initialisations)
    .default(trainDefaults.init),
  new Option('--init-std <x>', 'standard deviation of --init paper')
    .argParser(real('--init-std', 0, true))
    .default(trainDefaults.initStd),
  new Option('--init-from <file>', 'start from the weights of another net (.safetensors)'),
  new Option(
    '--init-layers <which>',
    "with --init-from: all layers, or the paper's first four convolutional and fully-connected ones; auto: all from the same config",
  )
    .choices(transfers)
    .default(trainDefaults.initLayers),
  new Option('--classes <which>', 'with --init-from: new replaces the last layer for other classes')
    .choices(['same', 'new'])
    .default(trainDefaults.classes),
  new Option('--freeze <layers>', 'layers that stay as they are, e.g. conv1-conv4 or conv1_1,fc6'),
  new Option(
    '--rate-factors <list>',
    'factors on the learning rate, e.g. fc8=10 or fc8=10:20 for weights and biases (as in Caffe)',
  ),
];

const recipeFlags = (): Option[] => [
  new Option('--epochs <n>', 'passes over the images at most; 0 writes the untrained net')
    .argParser(whole('--epochs', 0))
    .default(trainDefaults.epochs),
  new Option('--batch <n>', 'images a step').argParser(whole('--batch', 1)).default(trainDefaults.batch),
  new Option(
    '--micro-batch <n>',
    'images through the net at once; their gradients add up to those of --batch (default: --batch)',
  ).argParser(whole('--micro-batch', 1)),
  new Option('--learning-rate <x>', 'the first learning rate')
    .argParser(real('--learning-rate', 0, true))
    .default(trainDefaults.learningRate),
  new Option(
    '--schedule <name>',
    'how the rate falls: by 10 when validation accuracy stops improving, or smoothly to 0',
  )
    .choices(schedules)
    .default(trainDefaults.schedule),
  new Option('--patience <epochs>', 'plateau: epochs without a new best accuracy')
    .argParser(whole('--patience', 1))
    .default(trainDefaults.patience),
  new Option('--decreases <n>', 'plateau: how often the rate falls before training ends')
    .argParser(whole('--decreases', 0))
    .default(trainDefaults.decreases),
  new Option('--momentum <x>', 'momentum').argParser(real('--momentum', 0)).default(trainDefaults.momentum),
  new Option('--weight-decay <x>', 'L2 multiplier on weights (biases are not decayed)')
    .argParser(real('--weight-decay', 0))
    .default(trainDefaults.weightDecay),
  new Option('--dropout <rate>', 'dropout after fc6 and fc7')
    .argParser(real('--dropout', 0))
    .default(trainDefaults.dropout),
  new Option(
    '--superclass-loss <weight>',
    'weight of a second cross-entropy, on the parent folder of nested classes',
  )
    .argParser(real('--superclass-loss', 0))
    .default(trainDefaults.superclassLoss),
  new Option(
    '--train-side <s>',
    'smallest side S of scaled images, or a range S1-S2 to draw from (default: 256 for input 224, in proportion)',
  ).argParser(sides),
  new Option('--no-flip', 'no mirrored images'),
  new Option('--colour-shift <x>', 'standard deviation of the RGB shift along the colour axes; 0 for none')
    .argParser(real('--colour-shift', 0))
    .default(trainDefaults.colourShift),
  new Option(
    '--statistics <file>',
    'mean and colour axes from `verydeep datasets stats` instead of measuring them',
  ),
  new Option(
    '--normalise <how>',
    "subtract the mean RGB, or also divide by its deviation (default: --init-from's, mean with --init paper, else mean-std)",
  ).choices(normalisations),
  new Option(
    '--kernel <name>',
    "resampling kernel (default: --init-from's where its file names it, else lanczos3)",
  ).choices(interpolations),
  new Option('--validation <share>', 'share of each class set aside where the data set has no val split')
    .argParser(share)
    .default(0.1),
  shared.seed(),
];

const runFlags = (): Option[] => [
  new Option('--checkpoint-every <steps>', "checkpoints within an epoch; 0 for one at each epoch's end only")
    .argParser(whole('--checkpoint-every', 0))
    .default(trainDefaults.checkpointEvery),
  new Option('--cache <MB>', 'memory for decoded images of small sets')
    .argParser(whole('--cache', 0))
    .default(trainDefaults.cache),
  new Option('--prefetch <n>', 'batches prepared ahead')
    .argParser(whole('--prefetch', 1))
    .default(trainDefaults.prefetch),
  shared.workers().default(trainDefaults.workers, 'one core less than there are'),
  shared.engine(),
  shared.gpu(),
  shared.threads(),
];

/** All flags, in the order of the help. */
export const trainOptions = (): Option[] => [
  shared.data(),
  ...csvFlags(),
  shared.out(),
  new Option(
    '--recipe <file>',
    'train the nets of a recipe file, one after the other (see docs/training.md)',
  ),
  ...netFlags(),
  ...recipeFlags(),
  ...runFlags(),
  shared.resume(),
  shared.json(),
  shared.quiet(),
];

/** Flags that a recipe file may set for its nets. */
export const recipeOptions = (): Option[] => [...netFlags(), ...recipeFlags(), ...runFlags()];

/**
 * Parses flags of a recipe as the command line does.
 *
 * @throws UsageError naming flag and value
 */
export const parseFlags = (args: readonly string[]): TrainFlags => {
  const command = new Command('train').exitOverride().configureOutput({ writeErr: () => undefined });
  for (const option of trainOptions()) command.addOption(option);
  return command.parse([...args], { from: 'user' }).opts<TrainFlags>();
};
