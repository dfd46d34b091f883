// `verydeep train`: trains a backbone from scratch or from another net, or all nets of a recipe.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { TrainOutcome } from '../backbone/training/train-backbone.js';
import { howToSum } from '../backbone/training/how-to-sum.js';
import { type Communicator, fromFirst } from '../engine/communicator/communicator.js';
import { launched } from '../engine/communicator/launcher.js';
import { single } from '../engine/communicator/single.js';
import { InterruptedError } from '../errors.js';
import { claimFolder } from '../io/work.js';
import { requireKind } from './kind.js';
import { interruptible } from './interruptible.js';
import { asRank } from './ranks.js';
import { exitCodes, note, progressBar, reportSkipped, say, sayJson } from './output.js';
import { addFlags, required } from './options.js';
import { type FlagsOf, commandOptions } from './tables.js';
import { type NetChoices, netChoices, readRecipe } from './train-recipe.js';

type TrainFlags = FlagsOf<'train'>;

const dataOf = ({ data }: TrainFlags): string => resolve(required('data', data, 'a folder'));
const outOf = ({ out }: TrainFlags): string =>
  resolve(required('out', out, 'a folder', 'The results are written there.'));

/** The result in one sentence. */
const summary = ({ result, out }: TrainOutcome): string => {
  if (result.interrupted) return `Interrupted after step ${result.step}. Continue with --resume.`;
  const last = result.history.at(-1);
  const [name, error] =
    last?.validationBoxError === undefined
      ? ['top-1 error', last?.validationTop1Error]
      : ['box error', last.validationBoxError];
  const course = last
    ? `Loss ${last.loss.toFixed(3)}${error === undefined ? '' : `, ${name} ${error.toFixed(1)} %`} after ${result.history.length} epochs; ` +
      `the trainer waited for images in ${(100 * last.waiting).toFixed(1)} % of the last epoch. `
    : '';
  return `${course}Wrote ${result.backbone ?? out}`;
};

/** Rank 0 prints. */
const quietOf = (flags: TrainFlags, communicator: Communicator | undefined): TrainFlags =>
  (communicator?.rank ?? 0) > 0 ? { ...flags, quiet: true } : flags;

/**
 * Trains one net; the first SIGINT, SIGTERM or SIGUSR2 asks it to stop after the running step.
 *
 * @returns undefined if it was stopped before the first step
 */
const trainOne = async (
  dataset: string,
  flags: TrainFlags,
  out: string,
  communicator: Communicator | undefined,
  isTrained = false,
): Promise<TrainOutcome | undefined> => {
  const { trainOn } = await import('./train-run.js');
  const { onProgress, stop } = progressBar(quietOf(flags, communicator));
  const told = 'Interrupted before the first step: nothing was trained.';
  const outcome = await interruptible(
    (signal) =>
      trainOn(
        dataset,
        dataOf(flags),
        flags,
        {
          out,
          resume: flags.resume,
          force: flags.force,
          onProgress,
          note: (text) => note(quietOf(flags, communicator), text),
          signal,
          ...(communicator && { communicator }),
        },
        isTrained,
      ),
    { stop, told: communicator ? '' : told },
  );
  // The other ranks may be further: all end.
  if (communicator && outcome === undefined && process.exitCode === exitCodes.interrupted)
    throw new InterruptedError(told);
  return outcome;
};

/** The given flags that a recipe may also set. */
const overridesOf = (command: Command): NetChoices =>
  Object.fromEntries(
    Object.keys(netChoices)
      .filter((name) => command.getOptionValueSource(name) === 'cli')
      .map((name) => [name, command.getOptionValue(name) as unknown]),
  );

/** Prints the results, in rank 0; undefined ones were interrupted before the first step. */
const finish = (
  flags: TrainFlags,
  all: readonly (TrainOutcome | undefined)[],
  communicator: Communicator | undefined,
): void => {
  const outcomes = all.filter((outcome) => outcome !== undefined);
  const isInterrupted = all.some((outcome) => outcome?.result.interrupted ?? true);
  if ((communicator?.rank ?? 0) > 0) {
    if (outcomes.some(({ result }) => result.skipped.length > 0)) process.exitCode = exitCodes.skipped;
    if (isInterrupted) process.exitCode = exitCodes.interrupted;
    return;
  }
  if (outcomes.length < all.length) note({}, 'Interrupted before the first step. Continue with --resume.');
  const documents = outcomes.map(({ result, ...outcome }) => ({ ...outcome, ...result }));
  if (flags.json) sayJson(flags.recipe === undefined ? (documents[0] ?? null) : { nets: documents });
  else for (const outcome of outcomes) say(flags, summary(outcome));
  reportSkipped(outcomes.flatMap(({ result }) => result.skipped));
  if (isInterrupted) process.exitCode = exitCodes.interrupted;
};

const runRecipe = async (
  dataset: string,
  recipe: string,
  flags: TrainFlags,
  command: Command,
  communicator: Communicator | undefined,
): Promise<void> => {
  const out = outOf(flags);
  const nets = await readRecipe(recipe, out, overridesOf(command));
  const { resume, force } = flags;
  await fromFirst(communicator ?? single, () => claimFolder(out, 'train nets', {}, { resume, force }));
  const outcomes: (TrainOutcome | undefined)[] = [];
  for (const [i, { name, options }] of nets.entries()) {
    const folder = join(out, name);
    const isTrained = await fromFirst(
      communicator ?? single,
      () => flags.resume === true && existsSync(join(folder, 'backbone.safetensors')),
    );
    note(
      quietOf(flags, communicator),
      isTrained ? `${name} is already trained.` : `Net ${i + 1} of ${nets.length}: ${name}`,
    );
    const outcome = await trainOne(dataset, { ...flags, ...options }, folder, communicator, isTrained);
    if (isTrained && outcome === undefined) continue;
    outcomes.push(outcome);
    if (outcome?.result.interrupted ?? true) break;
  }
  finish(flags, outcomes, communicator);
};

const run = async (dataset: string, flags: TrainFlags, command: Command): Promise<void> => {
  const { datasetNames } = await import('../datasets/open.js');
  requireKind('train', 'the data set', datasetNames, dataset);
  const { recipe, rankTimeout } = flags;
  await asRank(howToSum(flags, launched()?.localRank ?? 0), rankTimeout, async (communicator) => {
    if (recipe !== undefined) return runRecipe(dataset, recipe, flags, command, communicator);
    finish(flags, [await trainOne(dataset, flags, outOf(flags), communicator)], communicator);
  });
};

export const command = (): Command => {
  const train = new Command('train')
    .description('train a backbone on labelled images')
    .argument('[dataset]', 'kind of data set: imagenet, tiny-imagenet, folder, csv, idx', 'imagenet')
    .action(run);
  return addFlags(train, commandOptions.train).addHelpText(
    'after',
    `
Defaults are the paper's (section 3.1) if it gives a value.

Examples: a small net on small images; fine-tuning a large net for other classes; the paper's nets in order
  $ verydeep train folder --data photos --config A --width 0.25 --blocks 4 --input-size 32 \\
      --fully-connected 512 --init he --learning-rate 0.02 --batch 64 --epochs 20 --out runs/small
  $ verydeep train folder --data flowers --init-from vgg16.safetensors --classes new --freeze conv1-conv4 \\
      --rate-factors fc8=10 --learning-rate 0.001 --epochs 10 --out runs/flowers
  $ verydeep train imagenet --data ILSVRC2012 --recipe paper.yaml --out runs/paper`,
  );
};
