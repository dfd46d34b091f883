// `verydeep evaluate ilsvrc2012`: classification errors of nets as the paper tests them.
import { resolve } from 'node:path';
import { ilsvrcOptions } from '../../benchmarks/ilsvrc/options.js';
import { photosIn } from '../datasets/photos.js';
import { type Message, option } from '../errors.js';
import { messageForCli } from './flag.js';
import { valuesOf } from '../options.js';
import { interruptible } from './interruptible.js';
import { given, required } from './options.js';
import { note, progressBar, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';
import type { FlagsOf } from './tables.js';
import { textTable } from './text-table.js';

/** Tests and prints the table of errors. */
export const runIlsvrc = async (flags: FlagsOf<'evaluate'>): Promise<void> => {
  const data = required('data', flags.data, 'a folder', 'It holds ILSVRC2012.');
  const out = required('out', flags.out, 'a folder', 'The results are written to it.');
  const { evaluateIlsvrc } = await import('../../benchmarks/ilsvrc2012.js');
  const { onProgress, stop } = flags.json ? progressLines(flags) : progressBar(flags);
  const notices: Message[] = [];
  const calibration =
    flags.calibration === undefined ? undefined : await photosIn([flags.calibration], option('calibration'));
  await interruptible(
    async (signal) => {
      const results = await evaluateIlsvrc({
        data,
        out,
        resume: flags.resume ?? false,
        force: flags.force ?? false,
        backbones: flags.backbone ?? [],
        features: flags.features ?? [],
        ...valuesOf(ilsvrcOptions, flags),
        ...given({ scales: flags.scales }),
        flip: flags.flip,
        precision: flags.precision,
        allowSeen: flags.allowSeen ?? false,
        ...given({ orient: flags.orient }),
        extract: {
          engine: flags.engine,
          provider: flags.provider,
          onNotice: (text) => notices.push(text),
          signal,
          ...given({ threads: flags.threads, workers: flags.workers, gpu: flags.gpu }),
          device: flags.device,
          ...given({ int8: calibration && { calibration } }),
        },
        onProgress,
        onNotice: (text) => notices.push(text),
      });
      stop();
      if (flags.json) sayJson(results);
      else if (results.rows.length > 0) {
        const { chanceRow } = await import('../../benchmarks/ilsvrc/results.js');
        const rows = [...results.rows, chanceRow(results.classes)].map(({ name, top1Error, top5Error }) => [
          name,
          top1Error.toFixed(1),
          top5Error.toFixed(1),
        ]);
        const used = new Set(results.nets.map(({ config }) => config));
        const theirs = results.published
          .filter(({ table, method }) => table <= 5 && used.has(method.split(',')[0]!))
          .map(({ table, method, train = '', test = '', top1 = NaN, top5 = NaN }) => [
            `paper, table ${table}, on val: ${method}, S ${train}, Q ${test}`,
            top1.toFixed(1),
            top5.toFixed(1),
          ]);
        say(
          flags,
          textTable([`Nets, on ${results.split}`, 'top-1 error, %', 'top-5 error, %'], [...rows, ...theirs]),
        );
      }
      const { seenText } = await import('../../benchmarks/protocol/seen.js');
      const { seen, images } = results;
      if (!flags.json) say(flags, seenText(seen, [{ test: images, seen: seen.test }]));
      for (const text of notices) process.stderr.write(`${messageForCli(text)}\n`);
      note(flags, `The report is ${resolve(out)}/report.html`);
      reportSkipped(results.skipped);
    },
    { stop },
  );
};
