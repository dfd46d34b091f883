// Takes the output folder of a training run: a run of other options in it is not replaced.
import { readdir } from 'node:fs/promises';
import { option } from '../../errors.js';
import { sha256OfFile } from '../../io/files.js';
import { requireFile } from '../../io/readable.js';
import { type Content, type Work, claimFolder, hashOfImages, removeResults } from '../../io/work.js';
import { decisive } from '../../options.js';
import { type TrainingOptions, rateOf, trainingOptions } from './options.js';
import type { TrainRun, TrainingData } from './training-run.js';

/** Files of a run, which a new one replaces. */
const isResult = (name: string): boolean =>
  /^(backbone|checkpoint)\.safetensors$|^(log|times)\.jsonl$|^(history|statistics)\.json$|^report\.html$|^events\.out\./.test(
    name,
  );

/** Options that name files to read, and what is expected there. */
const inputs = {
  initFrom: { what: 'backbone', inside: ['backbone.safetensors', '*.safetensors'] },
  teacher: { what: 'backbone', inside: ['backbone.safetensors', '*.safetensors'] },
  statistics: { what: 'pixel statistics', inside: ['statistics.json'] },
} as const;

/** Files that are read, by their content. */
const contentsOf = async (given: Partial<TrainingOptions>): Promise<Record<string, Content>> => {
  const contents: Record<string, Content> = {};
  for (const name of Object.keys(inputs) as (keyof typeof inputs)[]) {
    const file = given[name];
    if (file === undefined) continue;
    requireFile(file, { ...inputs[name], where: option(name) });
    contents[name] = { is: await sha256OfFile(file), shown: file };
  }
  return contents;
};

/** What a run is: its images and its options. */
export const workOf = async (
  { train: images, validation }: TrainingData,
  { source = {}, ...given }: Partial<TrainingOptions> & Pick<TrainRun, 'source'>,
): Promise<Work> => {
  const { data: path = `${images.length} images` } = source;
  return {
    ...source,
    data: { is: `${hashOfImages(images)} ${hashOfImages(validation)}`, shown: path },
    // How long to train is compared with the checkpoint: a run may go on for more epochs.
    ...decisive(trainingOptions, { ...given, learningRate: rateOf(given), epochs: undefined }),
    ...(await contentsOf(given)),
  };
};

/**
 * Takes the output folder of a training run.
 *
 * @returns whether the run continues the one in the folder; else that one is removed
 * @throws UsageError naming the option that differs from those of the run in the folder, or if it is not to be resumed
 */
export const claimTraining = async (
  data: TrainingData,
  { out, resume, force, ...given }: Partial<TrainingOptions> & TrainRun,
): Promise<boolean> => {
  const work = await workOf(data, given);
  const isContinued = (await claimFolder(out, 'train', work, { resume, force })) === 'continue';
  if (!isContinued) await removeResults(out, (await readdir(out)).filter(isResult));
  return isContinued;
};
