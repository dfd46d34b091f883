// `verydeep evaluate`: a benchmark of the paper from images or descriptors to a table and a report.
import { resolve } from 'node:path';
import { Command } from 'commander';
import { svmOptions } from '../classifiers/options.js';
import { photosIn } from '../datasets/photos.js';
import { expected, option, text } from '../errors.js';
import type { Results } from '../../benchmarks/protocol/results.js';
import { addFlags, csvOf, given, required } from './options.js';
import { valuesOf } from '../options.js';
import { requireKind } from './kind.js';
import { interruptible } from './interruptible.js';
import { note, progressBar, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';
import { type FlagsOf, commandOptions } from './tables.js';
import { textTable } from './text-table.js';

type Options = FlagsOf<'evaluate'>;

const help = `
Benchmarks:
  ilsvrc2012       classification errors of the nets on the validation images, dense and multi-crop
  ilsvrc2012-localisation  errors of boxes, by nets that --task localisation trained
  voc2007          trainval → test, mean average precision
  voc2012          train → val, and result files for the server
  voc2012-action   the same for ten actions of persons
  caltech101       3 splits, 30 training and at most 50 test images a class, mean class recall
  caltech256       3 splits, 60 training images a class, the rest test
  folder           a folder of class folders: its own train, val and test if it has them, else Caltech's protocol
  csv              the same for a table of images, with a column of splits

Examples:
  verydeep evaluate folder --data photos --backbone vgg16.safetensors --train-per-class 30 --splits 3 --out runs/photos
  verydeep evaluate voc2007 --data VOCdevkit --backbone D.safetensors --backbone E.safetensors --out runs/voc2007

  verydeep evaluate ilsvrc2012 --data ILSVRC2012 --backbone D.safetensors --backbone E.safetensors \\
      --scales 256,384,512 --testing both --out runs/ilsvrc

  verydeep evaluate ilsvrc2012-localisation --data ILSVRC2012 --backbone boxes-256.safetensors \\
      --class-net D.safetensors --scales 256,288 --out runs/localisation

Nested folders (benchmark folder): by default photos/animals/cat/1.jpg has the class "animals/cat". With
--class-level 1 its class is "animals", and with --keep-together 2 all images of "animals/cat" are on the same
side of each split, so that classes are tested on subfolders that were not trained on:
  verydeep evaluate folder --data photos --class-level 1 --keep-together 2 --features runs/photos/features --out runs/groups
`;

/** The recipe's options that were given on the command line. */
const recipeOf = ({ scales, aggregate, flip, layer, precision, region, orient, resampling }: Options) => ({
  ...(resampling ? { resampling } : {}),
  ...(orient ? { orient } : {}),
  ...(region ? { region } : {}),
  ...(scales ? { scales } : {}),
  ...(aggregate ? { aggregate } : {}),
  ...(flip ? {} : { flip }),
  ...(layer === undefined ? {} : { layers: [layer] }),
  ...(precision === 'fp32' ? {} : { precision }),
});

const run = async (name: string, options: Options): Promise<void> => {
  const { benchmarkNames } = await import('../../benchmarks/run-benchmark.js');
  requireKind('evaluate', 'the benchmark', benchmarkNames, name);
  if (name === 'ilsvrc2012') {
    const { runIlsvrc } = await import('./evaluate-ilsvrc.js');
    return runIlsvrc(options);
  }
  if (name === 'ilsvrc2012-localisation') {
    const { runLocalisation } = await import('./evaluate-localisation.js');
    return runLocalisation(options);
  }
  const { benchmarkNamed } = await import('../../benchmarks/list.js');
  const benchmark = benchmarkNamed(name, options.protocol);
  const out = required('out', options.out, 'a folder', 'The results are written to it.');
  if (
    options.protocol === 'vissl' &&
    (options.cPerClass || options.cFolds !== undefined || options.calibrate)
  ) {
    throw expected(
      'the protocol paper',
      text`${option('cPerClass')}, ${option('cFolds')} and ${option('calibrate')}`,
      'vissl',
      "VISSL's protocol chooses one C per class by 3-fold cross-validation.",
    );
  }
  if (options.calibrate && !options.saveModels) {
    throw expected(
      text`${option('saveModels')}`,
      option('calibrate'),
      undefined,
      'Probabilities are saved with the SVMs only.',
    );
  }
  const { runBenchmark } = await import('../../benchmarks/protocol/run.js');
  const { onProgress, stop } = options.json ? progressLines(options) : progressBar(options);
  const calibration =
    options.calibration === undefined
      ? undefined
      : await photosIn([options.calibration], option('calibration'));
  const results = await interruptible(
    (signal) =>
      runBenchmark(benchmark, {
        ...given({
          data: options.data,
          layer: options.layer,
          trainPerClass: options.trainPerClass,
          testPerClass: options.testPerClass,
          splits: options.splits,
          classLevel: options.classLevel,
          keepTogether: options.keepTogether,
          testOn: options.testOn,
        }),
        allowSeen: options.allowSeen ?? false,
        onNotice: (text) => note(options, text),
        backbones: options.backbone ?? [],
        features: options.features ?? [],
        out,
        resume: options.resume ?? false,
        force: options.force ?? false,
        recipe: recipeOf(options),
        extract: {
          ...given({ threads: options.threads, workers: options.workers, gpu: options.gpu }),
          device: options.device,
          engine: options.engine,
          provider: options.provider,
          onNotice: (text) => note(options, text),
          signal,
          ...given({ int8: calibration && { calibration } }),
        },
        open: { background: options.background, csv: csvOf(options) },
        ...(options.resamples === undefined ? {} : { bootstrap: { resamples: options.resamples } }),
        svm: {
          ...valuesOf(svmOptions, options),
          ...given({ threads: options.threads }),
        },
        seed: options.seed,
        saveModels: options.saveModels ?? false,
        command: ['verydeep', ...process.argv.slice(2)].join(' '),
        onProgress,
      }),
    { stop },
  );
  if (results) await show(results, resolve(out), options);
};

/** Remarks of the splits, each once, with the splits that it is of. */
const remarksOf = ({ splits }: Results): string[] => {
  const names = new Map<string, string[]>();
  for (const { name, notes } of splits) {
    for (const remark of notes) names.set(remark, [...(names.get(remark) ?? []), name]);
  }
  return [...names].map(([remark, own]) => `${[...new Set(own)].join(', ')}: ${remark}`);
};

const show = async (results: Results, out: string, options: Options): Promise<void> => {
  if (options.json) sayJson(results);
  else {
    const { comparisonRows } = await import('../../benchmarks/report/comparison.js');
    const { metricTitles } = await import('../../benchmarks/protocol/benchmark.js');
    say(
      options,
      textTable(
        ['Method', `${metricTitles[results.metric] ?? results.metric}, %`, ''],
        comparisonRows(results).map(({ method, figure, note: remark }) => [method, figure, remark]),
      ),
    );
  }
  const { seenText } = await import('../../benchmarks/protocol/seen.js');
  const { wideningText } = await import('../../benchmarks/protocol/results.js');
  if (!options.json) say(options, seenText(results.seen, results.splits));
  const widening = wideningText(results.splits);
  if (widening !== undefined) note(options, widening);
  for (const remark of remarksOf(results)) note(options, remark);
  note(options, `The report is ${out}/report.html`);
  reportSkipped(results.skipped);
};

/** The command. */
export const command = (): Command =>
  addFlags(new Command('evaluate'), commandOptions.evaluate)
    .description('evaluate a benchmark on images or descriptors; writes a table and a report')
    .argument(
      '<benchmark>',
      'ilsvrc2012, ilsvrc2012-localisation, voc2007, voc2012, voc2012-action, caltech101, caltech256, folder or csv',
    )
    .addHelpText('after', help)
    .action(run);
