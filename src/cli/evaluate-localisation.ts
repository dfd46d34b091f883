// `verydeep evaluate ilsvrc2012-localisation`: nets of boxes as the paper tests them.
import { resolve } from 'node:path';
import { ilsvrcOptions } from '../../benchmarks/ilsvrc/options.js';
import { localisationOptions } from '../../benchmarks/localisation/options.js';
import type { Figure, LocalisationResults } from '../../benchmarks/localisation/results.js';
import { valuesOf } from '../options.js';
import { interruptible } from './interruptible.js';
import { csvOf, given, required } from './options.js';
import { note, progressBar, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';
import type { FlagsOf } from './tables.js';
import { textTable } from './text-table.js';

const figure = ({ value, low, high }: Figure): string =>
  `${value.toFixed(1)} (${low.toFixed(1)}-${high.toFixed(1)})`;

const show = (results: LocalisationResults, flags: FlagsOf<'evaluate'>): void => {
  const { simplified, full, published, split } = results;
  const theirs = (table: number): string[][] =>
    published
      .filter((row) => row.table === table && row.val !== undefined)
      .map(({ method, val }) => [`paper, table ${table}, on val: ${method}`, val!.toFixed(1), '']);
  if (simplified.length > 0) {
    const rows = simplified.map(({ name, error, meanIou }) => [name, figure(error), figure(meanIou)]);
    say(
      flags,
      textTable([`Box of the true class, on ${split}`, 'error, %', 'mean IoU, %'], [...rows, ...theirs(8)]),
    );
  }
  if (full.length > 0) {
    const rows = full.map((row) => [
      ...[row.name, figure(row.top5Error), figure(row.top1Error)],
      ...[row.classTop5Error.toFixed(1), figure(row.errorGivenClass)],
    ]);
    say(
      flags,
      textTable(
        [
          `Five guesses, on ${split}`,
          'top-5 error, %',
          'top-1 error, %',
          'classes only, top-5',
          'given the class',
        ],
        [...rows, ...theirs(9).map((row) => [...row, '', ''])],
      ),
    );
  }
};

/** Tests and prints the tables of errors. */
export const runLocalisation = async (flags: FlagsOf<'evaluate'>): Promise<void> => {
  const data = required('data', flags.data, 'a folder', 'It holds images with boxes.');
  const out = required('out', flags.out, 'a folder', 'The results are written to it.');
  const { evaluateLocalisation } = await import('../../benchmarks/ilsvrc2012-localisation.js');
  const { onProgress, stop } = flags.json ? progressLines(flags) : progressBar(flags);
  await interruptible(
    async (signal) => {
      const results = await evaluateLocalisation({
        ...{ data, out, csv: csvOf(flags), backbones: flags.backbone ?? [] },
        ...{ resume: flags.resume ?? false, force: flags.force ?? false },
        ...valuesOf(localisationOptions, flags),
        ...{ split: valuesOf(ilsvrcOptions, flags).split, flip: flags.flip },
        ...given({ scales: flags.scales }),
        allowSeen: flags.allowSeen ?? false,
        engine: {
          engine: flags.engine,
          device: flags.device,
          ...given({ threads: flags.threads, gpu: flags.gpu }),
        },
        ...{ onProgress, signal },
      });
      stop();
      if (flags.json) sayJson(results);
      else show(results, flags);
      const { seenText } = await import('../../benchmarks/protocol/seen.js');
      const { seen, images } = results;
      if (!flags.json) say(flags, seenText(seen, [{ test: images, seen: seen.test }]));
      const { without, clipped, outside } = results.boxes;
      if (without + clipped + outside > 0)
        note(
          flags,
          `Boxes: ${without} images without one, left out; ${clipped} clipped, ${outside} outside.`,
        );
      note(flags, `The report is ${resolve(out)}/report.html`);
      reportSkipped(results.skipped);
    },
    { stop, told: 'Interrupted: --resume continues from the images that were done.' },
  );
};
