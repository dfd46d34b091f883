// `verydeep train`: a backbone from labelled images, from scratch or from another.
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Config } from '../backbone/architecture.js';
import type { Initialisation } from '../backbone/initialisation.js';
import type { ScheduleName } from '../backbone/schedule.js';
import type { Normalisation } from '../backbone/training-options.js';
import type { Kernel } from '../images/resize.js';
import { UsageError, expected } from '../errors.js';
import { integer, number, shared } from './options.js';
import { exitCodes, note, progressBar, refuseUsedFolder, reportSkipped, say, sayJson } from './output.js';

/** The options as commander gives them. */
interface TrainFlags {
  data?: string;
  out?: string;
  config: Config;
  width: number;
  blocks: number;
  inputSize: number;
  fullyConnected: number;
  epochs: number;
  batch: number;
  microBatch?: number;
  learningRate: number;
  schedule: ScheduleName;
  patience: number;
  decreases: number;
  momentum: number;
  weightDecay: number;
  dropout: number;
  init: Initialisation;
  initStd: number;
  superclassLoss: number;
  validation: number;
  trainSide?: [number, number];
  flip: boolean;
  colourShift: number;
  normalise?: Normalisation;
  kernel: Kernel;
  checkpointEvery: number;
  cache: number;
  prefetch: number;
  workers?: number;
  threads: number;
  engine: 'auto' | 'onnxruntime' | 'tensorflow';
  gpu?: number;
  seed: number;
  resume?: boolean;
  json?: boolean;
  quiet?: boolean;
}

const whole = (flag: string, least: number) => (text: string) => integer(text, flag, least);
const real =
  (flag: string, least: number, open = false) =>
  (text: string) =>
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

/** Every option, in the order of the help: the net, the data, the recipe, the run. */
const options = (): Option[] => [
  shared.data(),
  shared.out(),
  new Option('--config <name>', "column of the paper's table 1")
    .choices(['A', 'A-LRN', 'B', 'C', 'D', 'E'])
    .default('A'),
  new Option('--width <factor>', 'factor on the number of channels')
    .argParser(real('--width', 0, true))
    .default(1),
  new Option('--blocks <n>', 'blocks of convolutions, 1 to 5').argParser(whole('--blocks', 1)).default(5),
  new Option('--input-size <pixels>', 'side of the training crop')
    .argParser(whole('--input-size', 1))
    .default(224),
  new Option('--fully-connected <n>', 'units of fc6 and fc7')
    .argParser(whole('--fully-connected', 1))
    .default(4096),
  new Option('--validation <share>', 'share of each class set aside where the data set has no val split')
    .argParser(share)
    .default(0.1),
  new Option('--epochs <n>', 'passes over the images at most; 0 writes the untrained net')
    .argParser(whole('--epochs', 0))
    .default(74),
  new Option('--batch <n>', 'images a step').argParser(whole('--batch', 1)).default(256),
  new Option(
    '--micro-batch <n>',
    'images through the net at once; gradients add up to --batch (default: --batch)',
  ).argParser(whole('--micro-batch', 1)),
  new Option('--learning-rate <x>', 'the first learning rate')
    .argParser(real('--learning-rate', 0, true))
    .default(0.01),
  new Option('--schedule <name>', 'how the rate falls: by 10 at each plateau of accuracy, or smoothly to 0')
    .choices(['plateau', 'cosine', 'linear', 'constant'])
    .default('plateau'),
  new Option('--patience <epochs>', 'plateau: epochs without a new best')
    .argParser(whole('--patience', 1))
    .default(5),
  new Option('--decreases <n>', 'plateau: how often the rate falls')
    .argParser(whole('--decreases', 0))
    .default(3),
  new Option('--momentum <x>', 'momentum').argParser(real('--momentum', 0)).default(0.9),
  new Option('--weight-decay <x>', 'L2 multiplier on weights (biases are not decayed)')
    .argParser(real('--weight-decay', 0))
    .default(5e-4),
  new Option('--dropout <rate>', 'dropout after fc6 and fc7').argParser(real('--dropout', 0)).default(0.5),
  new Option('--init <method>', 'random weights: normal (paper), Glorot, He')
    .choices(['paper', 'glorot', 'he'])
    .default('paper'),
  new Option('--init-std <x>', 'standard deviation of --init paper')
    .argParser(real('--init-std', 0, true))
    .default(0.01),
  new Option(
    '--superclass-loss <weight>',
    'weight of a second cross-entropy, on the parent folder of nested classes',
  )
    .argParser(real('--superclass-loss', 0))
    .default(0),
  new Option(
    '--train-side <s>',
    'smallest side S of scaled images, or a range S1-S2 to draw from (default: 256 for input 224, in proportion)',
  ).argParser(sides),
  new Option('--no-flip', 'no mirrored images'),
  new Option('--colour-shift <x>', "strength of the RGB shift, as a part of the colours' spread; 0 for none")
    .argParser(real('--colour-shift', 0))
    .default(0.1),
  new Option(
    '--normalise <how>',
    'subtract the mean RGB, or also divide by its deviation (default: mean with --init paper, else mean-std)',
  ).choices(['mean', 'mean-std']),
  new Option('--kernel <name>', 'resampling kernel')
    .choices(['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'])
    .default('lanczos3'),
  shared.seed(),
  new Option('--checkpoint-every <steps>', "checkpoints within an epoch; 0 for one at each epoch's end only")
    .argParser(whole('--checkpoint-every', 0))
    .default(0),
  new Option('--cache <MB>', 'memory for decoded images of small sets')
    .argParser(whole('--cache', 0))
    .default(1024),
  new Option('--prefetch <n>', 'batches prepared ahead').argParser(whole('--prefetch', 1)).default(3),
  shared.engine(),
  shared.gpu(),
  shared.threads(),
  shared.workers(),
  shared.resume(),
  shared.json(),
  shared.quiet(),
];

const required = (value: string | undefined, flag: string): string => {
  if (value === undefined) throw new UsageError(`Expected ${flag} but it is missing.`);
  return resolve(value);
};

const run = async (name: string, flags: TrainFlags): Promise<void> => {
  const [data, out] = [required(flags.data, '--data'), required(flags.out, '--out')];
  await refuseUsedFolder(out, flags.resume);
  const { trainOn } = await import('./train-run.js');
  const { onProgress, stop } = progressBar(flags);
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const outcome = await trainOn(name, {
      ...flags,
      data,
      out,
      workers: flags.workers ?? Math.max(1, Math.min(4, availableParallelism() - 1)),
      onProgress,
      note: (text) => note(flags, text),
      signal: interrupt.signal,
    });
    stop();
    const { result, ...document } = outcome;
    const last = result.history.at(-1);
    if (flags.json) sayJson({ ...document, ...result });
    else if (result.interrupted) {
      say(flags, `Interrupted after step ${result.step}; continue with --resume.`);
    } else {
      if (last) {
        const validation =
          last.validationTop1Error === undefined
            ? ''
            : `, top-1 error ${last.validationTop1Error.toFixed(1)} %`;
        say(
          flags,
          `Loss ${last.loss.toFixed(3)}${validation} after ${result.history.length} epochs; ` +
            `waited for images ${(100 * last.waiting).toFixed(0)} % of the last epoch.`,
        );
      }
      say(flags, `Wrote ${result.backbone ?? out}`);
    }
    reportSkipped(result.skipped);
    if (result.interrupted) process.exitCode = exitCodes.interrupted;
  } finally {
    stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
};

export const command = (): Command => {
  const train = new Command('train')
    .description('train a backbone on labelled images')
    .argument('<dataset>', 'kind of data set: imagenet, folder, csv')
    .action(run);
  for (const option of options()) train.addOption(option);
  return train.addHelpText(
    'after',
    `
Defaults are the paper's (section 3.1). Example: a small net on small images
  $ verydeep train folder --data photos --config A --width 0.25 --blocks 4 --input-size 32 \\
      --fully-connected 512 --init he --learning-rate 0.02 --batch 64 --epochs 20 --out runs/small`,
  );
};
