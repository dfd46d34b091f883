// `verydeep datasets stats`: mean, covariance and principal axes of the colours of a training set.
import { resolve } from 'node:path';
import { Command } from 'commander';
import { requireKind } from './kind.js';
import { addFlags, csvOf, required } from './options.js';
import { noteDataset, progressBar, reportSkipped, say, sayJson } from './output.js';
import { type FlagsOf, commandOptions } from './tables.js';
import { textTable } from './text-table.js';

const run = async (name: string, flags: FlagsOf<'datasets stats'>): Promise<void> => {
  const { split, out, side } = flags;
  const { datasetNames, openDataset, splitOf } = await import('../datasets/open.js');
  requireKind('datasets stats', 'the data set', datasetNames, name);
  const data = required('data', flags.data, 'a folder', 'It holds the images.');
  const { measurePixels } = await import('../backbone/training/measure-pixels.js');
  const { writeFileAtomically } = await import('../io/files.js');
  const { claimFiles, hashOfImages } = await import('../io/work.js');
  const dataset = await openDataset(name, data, { csv: csvOf(flags) });
  noteDataset(flags, dataset);
  const chosen =
    split ?? ['train', 'trainval', 'all'].find((each) => dataset.splits[each]?.length) ?? 'train';
  const items = splitOf(dataset, chosen);
  const images = { is: hashOfImages(items), shown: resolve(data) };
  const work = { data: images, split: chosen, side, orient: flags.orient, ...csvOf(flags) };
  const claimed =
    out === undefined
      ? undefined
      : await claimFiles([out], `datasets stats ${name}`, work, { force: flags.force });
  const { onProgress, stop } = progressBar(flags);
  try {
    const { statistics, skipped } = await measurePixels(items, {
      trainSide: [side, side],
      interpolation: 'lanczos3',
      orient: flags.orient,
      workers: flags.workers,
      onProgress,
    });
    if (out !== undefined) await writeFileAtomically(out, `${JSON.stringify(statistics, null, 2)}\n`);
    await claimed?.made();
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
  addFlags(new Command('stats'), commandOptions['datasets stats'])
    .description('measure mean and principal axes of the colours, for `verydeep train --statistics`')
    .argument('<name>', 'kind of data set, see `verydeep datasets list`')
    .addHelpText(
      'after',
      '\nExample:\n  $ verydeep datasets stats imagenet --data ILSVRC2012 --out statistics.json',
    )
    .action(run);
