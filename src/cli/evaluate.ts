// `verydeep evaluate`: a benchmark of the paper from images or descriptors to a table and a report.
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { ClassWeights } from '../classifiers/problem.js';
import { expected } from '../errors.js';
import type { Results } from '../../benchmarks/protocol/results.js';
import type { IlsvrcFlags } from './evaluate-ilsvrc.js';
import { classWeights, integer, number, shared } from './options.js';
import { interruptible } from './interruptible.js';
import { note, progressBar, refuseUsedFolder, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';
import { textTable } from './text-table.js';

interface Options {
  readonly data?: string;
  readonly backbone?: string[];
  readonly features?: string[];
  readonly out?: string;
  readonly trainPerClass?: number;
  readonly testPerClass?: number;
  readonly splits?: number;
  readonly classLevel?: number;
  readonly keepTogether?: number;
  readonly scales?: number[];
  readonly aggregate?: 'average' | 'stack' | 'max';
  readonly flip: boolean;
  readonly layer?: string;
  readonly precision: 'fp32' | 'int8';
  readonly region?: 'image' | 'box' | 'image+box';
  readonly protocol: 'paper' | 'vissl';
  readonly background: boolean;
  readonly engine: 'auto' | 'onnxruntime' | 'tensorflow';
  readonly provider: 'cpu' | 'webgpu' | 'cuda';
  readonly gpu?: number;
  readonly loss?: 'hinge' | 'squared-hinge';
  readonly resamples?: number;
  readonly threads?: number;
  readonly workers?: number;
  readonly c?: number;
  readonly cGrid?: number[];
  readonly cPerClass?: boolean;
  readonly cFolds?: number;
  readonly bias?: 'augmented' | 'unregularised';
  readonly classWeight?: ClassWeights;
  readonly calibrate?: boolean;
  readonly solver: 'auto' | 'dual' | 'primal' | 'libsvm';
  readonly seed: number;
  readonly saveModels?: boolean;
  readonly resume?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
Benchmarks:
  ilsvrc2012       errors of the nets themselves on the validation images, dense and multi-crop
  voc2007          trainval → test, mean average precision
  voc2012          train → val, and result files for the server
  voc2012-action   the same for ten actions of persons
  caltech101       3 splits, 30 training and at most 50 test images a class, mean class recall
  caltech256       3 splits, 60 training images a class, the others test
  folder           Caltech's protocol on a folder of class folders

Examples:
  verydeep evaluate folder --data photos --backbone vgg16.safetensors --train-per-class 30 --splits 3 --out runs/photos
  verydeep evaluate voc2007 --data VOCdevkit --backbone D.safetensors --backbone E.safetensors --out runs/voc2007

  verydeep evaluate ilsvrc2012 --data ILSVRC2012 --backbone D.safetensors --backbone E.safetensors \\
      --scales 256,384,512 --testing both --out runs/ilsvrc

Nested folders (benchmark folder): by default photos/animals/cat/1.jpg has the class "animals/cat". With
--class-level 1 its class is "animals", and with --keep-together 2 all images of "animals/cat" stand on the same
side of a split, so that classes are tested on subfolders that were not trained on:
  verydeep evaluate folder --data photos --class-level 1 --keep-together 2 --features runs/photos/features --out runs/groups
`;

/** The recipe's options that were given on the command line. */
const recipeOf = ({ scales, aggregate, flip, layer, precision, region }: Options) => ({
  ...(region ? { region } : {}),
  ...(scales ? { scales } : {}),
  ...(aggregate ? { aggregate } : {}),
  ...(flip ? {} : { flip }),
  ...(layer === undefined ? {} : { layers: [layer] }),
  ...(precision === 'fp32' ? {} : { precision }),
});

/** Keeps the entries that are there: with exact optional types, `undefined` is not the same as missing. */
const given = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

const run = async (name: string, options: Options & IlsvrcFlags): Promise<void> => {
  if (name === 'ilsvrc2012') {
    const { runIlsvrc } = await import('./evaluate-ilsvrc.js');
    return runIlsvrc(options);
  }
  const { benchmarkNamed } = await import('../../benchmarks/list.js');
  const benchmark = benchmarkNamed(name, options.protocol);
  const { out } = options;
  if (out === undefined) throw expected('a folder', '--out', undefined, 'The results are written there.');
  if (
    options.protocol === 'vissl' &&
    (options.cPerClass || options.cFolds !== undefined || options.calibrate)
  ) {
    throw expected(
      'the protocol paper',
      '--c-per-class, --c-folds and --calibrate',
      'vissl',
      "VISSL's protocol chooses one C a class by three folds.",
    );
  }
  if (options.calibrate && !options.saveModels) {
    throw expected(
      '--save-models',
      '--calibrate',
      undefined,
      'Probabilities are kept in the saved SVMs only.',
    );
  }
  await refuseUsedFolder(out, options.resume);
  const { runBenchmark } = await import('../../benchmarks/protocol/run.js');
  const { onProgress, stop } = options.json ? progressLines(options) : progressBar(options);
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
        }),
        backbones: options.backbone ?? [],
        features: options.features ?? [],
        out,
        recipe: recipeOf(options),
        extract: {
          ...given({ threads: options.threads, workers: options.workers, gpu: options.gpu }),
          engine: options.engine,
          provider: options.provider,
          onNotice: (text) => note(options, text),
          signal,
        },
        open: { background: options.background },
        ...(options.resamples === undefined ? {} : { bootstrap: { resamples: options.resamples } }),
        svm: {
          solver: options.solver,
          ...given({ threads: options.threads, loss: options.loss, C: options.c, grid: options.cGrid }),
          ...given({ bias: options.bias, classWeights: options.classWeight }),
          ...given({ folds: options.cFolds, calibrated: options.calibrate }),
          ...(options.cPerClass ? { choose: 'per-class' as const } : {}),
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
  for (const remark of results.splits.flatMap(({ name, notes }) => notes.map((text) => `${name}: ${text}`)))
    note(options, remark);
  note(options, `The report is ${out}/report.html`);
  reportSkipped(results.skipped);
};

/** The command. */
export const command = (): Command =>
  new Command('evaluate')
    .description('evaluate a benchmark: from images or descriptors to a table and a report')
    .argument('<benchmark>', 'ilsvrc2012, voc2007, voc2012, voc2012-action, caltech101, caltech256 or folder')
    .addOption(shared.data())
    .addOption(shared.backbone())
    .addOption(shared.features())
    .addOption(shared.out())
    .addOption(shared.trainPerClass())
    .addOption(
      new Option('--test-per-class <n>', 'test images a class, at most; all others by default').argParser(
        (text: string) => integer(text, '--test-per-class'),
      ),
    )
    .addOption(shared.splits())
    .addOption(
      new Option(
        '--class-level <n>',
        'how many folders of the path make the class; all by default',
      ).argParser((text: string) => integer(text, '--class-level')),
    )
    .addOption(
      new Option(
        '--keep-together <n>',
        'images that share their first n folders are never on both sides of a split',
      ).argParser((text: string) => integer(text, '--keep-together')),
    )
    .addOption(
      new Option('--protocol <name>', "the paper's, or for voc2007 that of FAIR and VISSL")
        .choices(['paper', 'vissl'] as const)
        .default('paper'),
    )
    .addOption(new Option('--no-background', 'Caltech: leave out the background or clutter class'))
    .addOption(
      new Option('--split <name>', 'ilsvrc2012: val, or test (predictions only)')
        .choices(['val', 'test'])
        .default('val'),
    )
    .addOption(
      new Option('--testing <how>', 'ilsvrc2012: the whole image, crops, or both averaged')
        .choices(['dense', 'multi-crop', 'both'])
        .default('dense'),
    )
    .addOption(
      new Option('--crops <n>', 'ilsvrc2012: n x n crops a scale, each with its mirror')
        .argParser((text: string) => integer(text, '--crops'))
        .default(5),
    )
    .addOption(
      new Option('--max-side <pixels>', 'ilsvrc2012: of scaled images longer than this the middle is used')
        .argParser((text: string) => integer(text, '--max-side'))
        .default(2048),
    )
    .addOption(shared.scales())
    .addOption(shared.aggregate())
    .addOption(shared.noFlip())
    .addOption(new Option('--layer <name>', 'layer whose activations are the descriptor (default: fc7)'))
    .addOption(
      new Option('--region <what>', "the whole image, an item's box, or both stacked").choices([
        'image',
        'box',
        'image+box',
      ] as const),
    )
    .addOption(shared.precision())
    .addOption(shared.engine())
    .addOption(shared.provider())
    .addOption(shared.gpu())
    .addOption(shared.threads())
    .addOption(shared.workers())
    .addOption(
      new Option('--c <value>', "the SVMs' C; chosen on held-out training images by default").argParser(
        (text: string) => number(text, '--c', 0, true),
      ),
    )
    .addOption(
      new Option('--c-grid <list>', 'values of C to choose from, these only, e.g. 0.1,1,10').argParser(
        (text: string) => text.split(',').map((part) => number(part, '--c-grid', 0, true)),
      ),
    )
    .addOption(new Option('--loss <name>', 'loss of the SVMs').choices(['hinge', 'squared-hinge'] as const))
    .addOption(
      new Option('--c-per-class', 'choose a C for each class by its own figure; one for all by default'),
    )
    .addOption(
      new Option(
        '--c-folds <n>',
        'choose C by n folds of the training images instead of one held-out part',
      ).argParser((text: string) => integer(text, '--c-folds', 2)),
    )
    .addOption(
      new Option('--bias <kind>', 'bias of the SVMs').choices(['augmented', 'unregularised'] as const),
    )
    .addOption(
      new Option(
        '--class-weight <weights>',
        "factors of C: of the positives (LIBLINEAR's -w1), of both as 3:0.5, or balanced (default: 1)",
      ).argParser(classWeights),
    )
    .addOption(
      new Option(
        '--calibrate',
        'fit probabilities on held-out folds, for `verydeep predict`; with --save-models',
      ),
    )
    .addOption(shared.solver())
    .addOption(
      new Option('--resamples <n>', 'draws of the bootstrap intervals (default: 1000)').argParser(
        (text: string) => integer(text, '--resamples', 2),
      ),
    )
    .addOption(new Option('--save-models', 'keep the SVMs of each split, for `verydeep predict`'))
    .addOption(shared.seed())
    .addOption(shared.resume())
    .addOption(shared.json())
    .addOption(shared.quiet())
    .addHelpText('after', help)
    .action(run);
