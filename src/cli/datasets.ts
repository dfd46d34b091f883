// `verydeep datasets`: which data sets there are, getting their archives, checking a copy on disk.
import { Command } from 'commander';
import type { CheckReport, Count } from '../datasets/check.js';
import type { Fetched } from '../datasets/fetch.js';
import { statsCommand } from './datasets-stats.js';
import { addFlags, csvOf, required } from './options.js';
import { requireKind } from './kind.js';
import { interruptible } from './interruptible.js';
import { type OutputOptions, exitCodes, progressBar, say, sayJson } from './output.js';
import { type FlagsOf, commandOptions } from './tables.js';
import { textTable } from './text-table.js';

const INTEGER = new Intl.NumberFormat('en');
const integer = (value: number | undefined): string => (value === undefined ? '' : INTEGER.format(value));

/** What each data set is, in the order of the paper. */
const descriptions: Readonly<Record<string, string>> = {
  imagenet: 'ILSVRC2012 classification',
  'tiny-imagenet': 'Tiny ImageNet: 200 classes, 64 x 64 pixels',
  voc2007: 'PASCAL VOC 2007 classification',
  voc2012: 'PASCAL VOC 2012 classification',
  'voc2012-action': 'PASCAL VOC 2012 actions of persons',
  caltech101: 'Caltech-101 with its background class',
  caltech256: 'Caltech-256 with its clutter class',
  folder: 'a folder for each class, nested folders allowed',
  csv: 'a table with columns for paths and labels',
  idx: 'IDX files, as MNIST and Fashion-MNIST are published',
};

const list = async (options: OutputOptions): Promise<void> => {
  const { datasetNames } = await import('../datasets/open.js');
  const { publishedArchives } = await import('../datasets/archives/published.js');
  const { publishedCounts } = await import('../datasets/published.js');
  const rows = datasetNames.map((name) => ({
    name,
    description: descriptions[name] ?? '',
    classes: publishedCounts[name]?.classes,
    splits: publishedCounts[name]?.splits ?? {},
    archives: (publishedArchives[name] ?? []).map(({ file, bytes, page }) => ({
      file,
      ...(bytes !== undefined && { bytes }),
      login: page !== undefined,
    })),
  }));
  if (options.json) {
    sayJson({ datasets: rows });
    return;
  }
  say(
    options,
    textTable(
      ['name', 'classes', 'items', 'what', 'archives (* behind a login)'],
      rows.map(({ name, classes, splits, description, archives }) => [
        name,
        integer(classes),
        Object.entries(splits)
          .map(([split, count]) => `${split} ${integer(count)}`)
          .join(', '),
        description,
        archives.map(({ file, login }) => `${file}${login ? '*' : ''}`).join(', '),
      ]),
    ),
  );
};

const fetchedText = ({ file, path, state, page, use }: Fetched): string =>
  state === 'login'
    ? `${file}: needs a login. Get it from ${page ?? 'its page'} and put it at ${path}.${use ? ` It is needed only ${use}.` : ''}`
    : `${path}: ${state === 'there' ? 'already downloaded, verified' : 'downloaded, verified'}`;

const fetchAll = async (name: string, options: FlagsOf<'datasets download'>): Promise<void> => {
  const { mirror } = options;
  const out = required('out', options.out, 'a folder', 'The archives are written to it.');
  const { archivesOf, fetchArchives } = await import('../datasets/fetch.js');
  const archives = archivesOf(name);
  const { onProgress, stop } = progressBar(options);
  const results = await interruptible(
    (signal) =>
      fetchArchives(archives, out, {
        onProgress,
        signal,
        force: options.force ?? false,
        ...(mirror !== undefined && { mirror }),
      }),
    { stop },
  );
  if (!results) return;
  if (options.json) sayJson({ dataset: name, archives: results });
  else for (const result of results) say(options, fetchedText(result));
  if (results.some(({ state, use }) => state === 'login' && use === undefined)) {
    process.exitCode = exitCodes.failed;
  }
};

const MAX_CLASSES = 25;

/** Counts as a table: a row a class, two columns a split. */
const countsText = (counts: readonly Count[]): string => {
  const images = counts.filter(({ what }) => what !== 'objects');
  const splits = [...new Set(images.map(({ split }) => split))];
  const classes = [...new Set(images.map(({ className }) => className))];
  const cell = (className: string | undefined, split: string): string[] => {
    const count = images.find((one) => one.split === split && one.className === className);
    return [integer(count?.found), count?.published === undefined ? '' : integer(count.published)];
  };
  const rows = classes
    .slice(0, MAX_CLASSES)
    .map((className) => [className ?? '(all)', ...splits.flatMap((split) => cell(className, split))]);
  const more =
    classes.length > MAX_CLASSES
      ? `\n… and ${classes.length - MAX_CLASSES} more classes; --json lists all.`
      : '';
  return textTable(['class', ...splits.flatMap((split) => [split, 'published'])], rows) + more;
};

const MAX_PROBLEMS = 20;

const verdictOf = ({ name, root, ok, problems, counts }: CheckReport): string => {
  const where = `${name} in ${root}`;
  if (!ok) {
    const more =
      problems.length > MAX_PROBLEMS ? `; the first ${MAX_PROBLEMS} are shown, --json lists all` : '';
    return `${where}: ${problems.length} difference${problems.length === 1 ? '' : 's'}${more}.`;
  }
  const known = counts.filter(({ published }) => published !== undefined);
  if (known.length === 0) return `${where}: readable; there are no published figures to compare it with.`;
  const classes = known.some(({ className }) => className !== undefined);
  return `${where}: matches the published data set${classes ? '' : ' (totals only; counts per class are not known)'}.`;
};

const check = async (name: string, options: FlagsOf<'datasets check'>): Promise<void> => {
  const { datasetNames } = await import('../datasets/open.js');
  requireKind('datasets check', 'the data set', datasetNames, name);
  const advice = 'Give the unpacked root or the folder of the archives.';
  const data = required('data', options.data, 'a folder', advice);
  const { checkDataset } = await import('../datasets/check.js');
  const { onProgress, stop } = progressBar(options);
  const report = await checkDataset(name, data, {
    csv: csvOf(options),
    onProgress,
  }).finally(stop);
  if (options.json) sayJson(report);
  else {
    if (report.counts.length > 0) say(options, `${countsText(report.counts)}\n`);
    for (const file of report.archives) say(options, `Archive: ${file}`);
    for (const { path, reason } of report.strays.slice(0, 10)) say(options, `Skipped: ${path} (${reason})`);
    if (report.strays.length > 10) say(options, `… and ${report.strays.length - 10} more files skipped.`);
    for (const remark of report.remarks) say(options, `Note: ${remark}`);
    for (const problem of report.problems.slice(0, MAX_PROBLEMS)) say(options, `Differs: ${problem}`);
    say(options, verdictOf(report));
  }
  if (!report.ok) process.exitCode = exitCodes.failed;
};

/**
 * The command. Exit code 1: for `check` if the copy differs from the published data set, for `download` if an
 * archive must be downloaded by hand.
 */
export const command = (): Command => {
  const program = new Command('datasets').description('list, download, check and measure data sets');
  addFlags(program.command('list'), commandOptions['datasets list'])
    .description('list the data sets, their sizes and archives')
    .addHelpText('after', '\nExample:\n  $ verydeep datasets list')
    .action(list);
  addFlags(program.command('download'), commandOptions['datasets download'])
    .description('download the archives of a data set; no unpacking needed')
    .argument('<name>', 'voc2007, voc2012, voc2012-action, caltech101, caltech256, imagenet or tiny-imagenet')
    .addHelpText(
      'after',
      '\nRun the command again to continue an interrupted download. HTTPS_PROXY is used if set.\n\nExample:\n  $ verydeep datasets download voc2007 --out data/voc2007',
    )
    .action(fetchAll);
  addFlags(program.command('check'), commandOptions['datasets check'])
    .description('check a copy on disk against the published sizes and checksums')
    .argument('<name>', 'kind of data set, see `verydeep datasets list`')
    .addHelpText('after', '\nExample:\n  $ verydeep datasets check voc2007 --data data/voc2007')
    .action(check);
  program.addCommand(statsCommand());
  return program;
};
