// `verydeep datasets stats`: mean, covariance and principal axes of the colours of a training set.
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { expected } from '../errors.js';
import { integer, shared } from './options.js';
import { type OutputOptions, progressBar, reportSkipped, say, sayJson } from './output.js';
import { textTable } from './text-table.js';

interface StatsFlags extends OutputOptions {
  readonly data?: string;
  readonly split?: string;
  readonly out?: string;
  readonly side: number;
  readonly workers: number;
}

const run = async (name: string, flags: StatsFlags): Promise<void> => {
  const { data, split, out, side } = flags;
  if (data === undefined) throw expected('a folder', '--data', data, 'It holds the images.');
  const { openDataset, splitOf } = await import('../datasets/open.js');
  const { measurePixels } = await import('../backbone/training/measure-pixels.js');
  const { writeFileAtomically } = await import('../io/files.js');
  const dataset = await openDataset(name, data);
  const chosen =
    split ?? ['train', 'trainval', 'all'].find((each) => dataset.splits[each]?.length) ?? 'train';
  const { onProgress, stop } = progressBar(flags);
  try {
    const { statistics, skipped } = await measurePixels(splitOf(dataset, chosen), {
      sides: [side, side],
      kernel: 'lanczos3',
      workers: flags.workers,
      onProgress,
    });
    if (out !== undefined) await writeFileAtomically(out, `${JSON.stringify(statistics, null, 2)}\n`);
    stop();
    const number = (x: number): string => x.toFixed(3);
    if (flags.json) sayJson({ dataset: name, split: chosen, side, ...statistics });
    else {
      say(flags, `${statistics.images} images of ${chosen}, smallest side ${side}; pixels from 0 to 255`);
      say(
        flags,
        textTable(
          ['', 'red', 'green', 'blue'],
          [
            ['mean', ...statistics.mean.map(number)],
            ['standard deviation', ...statistics.std.map(number)],
            ...statistics.axes.map((axis, i) => [
              `axis ${i + 1}, colour shift ${number(statistics.spread[i]!)}`,
              ...axis.map(number),
            ]),
          ],
        ),
      );
    }
    reportSkipped(skipped);
  } finally {
    stop();
  }
};

/** The subcommand. */
export const statsCommand = (): Command =>
  new Command('stats')
    .description('mean and principal axes of the colours, for `verydeep train --statistics`')
    .argument('<name>', 'kind of data set, see `verydeep datasets list`')
    .addOption(shared.data())
    .addOption(shared.split())
    .addOption(new Option('--out <file>', 'write them as JSON'))
    .addOption(
      new Option('--side <pixels>', 'smallest side S to which images are scaled')
        .argParser((text: string) => integer(text, '--side'))
        .default(256),
    )
    .addOption(shared.workers().default(availableParallelism(), 'all cores'))
    .addOption(shared.json())
    .addOption(shared.quiet())
    .addHelpText(
      'after',
      '\nExample:\n  $ verydeep datasets stats imagenet --data ILSVRC2012 --out statistics.json',
    )
    .action(run);
