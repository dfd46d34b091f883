// `npm run bench -- NAME --json`: runs one speed benchmark and prints its rows as a table or as JSON.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usableCores } from '../../src/cores.js';
import { Command } from 'commander';
import { UsageError, VerydeepError, expected, messageOf } from '../../src/errors.js';
import { type Row, type SpeedBenchmark, type SpeedReport, describeMachine } from './row.js';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** Modules in this folder that are not benchmarks. */
const shared = new Set(['main', 'row', 'peak', 'plot-command', 'python', 'peer-process', 'rounds']);

const benchmarkNames = async (): Promise<string[]> =>
  (await readdir(folder))
    .filter((file) => file.endsWith('.js'))
    .map((file) => basename(file, '.js'))
    .filter((name) => !shared.has(name) && !name.includes('.') && !name.endsWith('-peer'))
    .sort();

const number = (value: number | null): string =>
  value === null ? '–' : Number(value.toPrecision(4)).toString();

const tableOf = (rows: readonly Row[]): string => {
  const header = ['case', 'ours', 'peer', 'unit', 'figure', 'target', 'met', 'peer is'];
  const lines = rows.map((r) => [
    r.case,
    number(r.ours),
    number(r.peer),
    r.unit,
    number(r.figure),
    r.target === null ? '–' : `${r.better === 'higher' ? '≥' : '≤'} ${number(r.target)}`,
    r.met === null ? '–' : r.met ? 'yes' : 'no',
    r.peerName,
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]!.length)));
  return [header, ...lines]
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

const main = async (): Promise<void> => {
  const names = await benchmarkNames();
  const program = new Command('bench')
    .argument('<name>', `one of ${names.join(', ')}`)
    .option('--json', 'print one JSON document on standard output')
    .option('--quick', 'fewer repetitions and smaller cases, to see that it works')
    .option('--profile', 'training: only where the time of a step goes')
    .option(
      '--size <name>',
      'svm: only voc, caltech101, caltech256 or growth; memory: only training or extraction',
    )
    .option('--threads <n>', 'threads that compute', String(usableCores()))
    .parse();
  const [name] = program.args as [string];
  const { json, quick, profile, threads, size } = program.opts<{
    json?: boolean;
    quick?: boolean;
    profile?: boolean;
    threads: string;
    size?: string;
  }>();
  if (!names.includes(name) || !existsSync(join(folder, `${name}.js`)))
    throw expected(names.join(' or '), 'the name of the benchmark', name);
  if (profile && name !== 'training') throw expected('training', 'the benchmark of --profile', name);
  if (!(Number(threads) >= 1)) throw expected('a whole number of at least 1', '--threads', threads);
  const machine = describeMachine(loadavg()[0]!);
  const { run } = (await import(`./${name}.js`)) as { run: SpeedBenchmark };
  const { rows, facts = {} } = await run({
    threads: Number(threads),
    quick: quick ?? false,
    ...(profile === undefined ? {} : { profile }),
    ...(size === undefined ? {} : { size }),
    onNote: (text) => process.stderr.write(`${text}\n`),
  });
  const report: SpeedReport = { machine: { ...machine, ...facts }, rows };
  const text = json
    ? JSON.stringify(report, null, 2)
    : [...Object.entries(report.machine).map(([key, value]) => `${key}: ${value}`), '', tableOf(rows)].join(
        '\n',
      );
  process.stdout.write(`${text}\n`);
};

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
  if (!(error instanceof VerydeepError)) throw error;
}
