// `verydeep doctor`: engines and hardware of this machine.
import { Command } from 'commander';
import { addFlags } from './options.js';
import { type FlagsOf, commandOptions } from './tables.js';
import { exitCodes, say, sayJson } from './output.js';
import type { EngineDescription, EnginesReport } from '../engine/describe.js';
import type { Int8Support } from '../backbone/int8/vnni.js';
import { type FreeMemory, freeMemory, gigabytes } from '../memory.js';

const engineText = ({ name, available, chosen, version, notes, fix }: EngineDescription): string => {
  const state = chosen ? 'chosen by --engine auto' : available ? 'available' : 'not available';
  return [
    `${chosen ? '*' : ' '} ${name}${version ? ` ${version}` : ''}: ${state}`,
    ...notes.map((note) => `    ${note}`),
    ...(fix ? [`    fix: ${fix}`] : []),
  ].join('\n');
};

const reportText = (report: EnginesReport, int8: Int8Support, threads: number, free: FreeMemory): string =>
  [
    `Node ${report.node} on ${report.platform}`,
    `${report.processor}, ${report.cores} cores, ${report.memoryGiB} GiB of memory; ${threads} threads compute`,
    `${gigabytes(free.bytes)} GB of memory are free (${free.source})`,
    ...Object.entries(report.versions).map(([name, version]) => `  ${name} ${version}`),
    '',
    'Engines:',
    ...report.engines.map(engineText),
    '',
    `Extraction with --precision int8: ${int8.reason}`,
  ].join('\n');

/** The command. Exit code 1 if no engine works. */
export const command = (): Command =>
  addFlags(new Command('doctor'), commandOptions.doctor)
    .description('show the engines and hardware that verydeep uses on this machine, and why')
    .addHelpText('after', '\nExample:\n  $ verydeep doctor')
    .action(async (options: FlagsOf<'doctor'>) => {
      const { describeEngines } = await import('../engine/describe.js');
      const { int8Support } = await import('../backbone/int8/vnni.js');
      const report = await describeEngines();
      const hasRuntime = report.engines.some(({ name, available }) => name === 'onnxruntime' && available);
      const int8: Int8Support = hasRuntime ? int8Support() : { bits: 7, reason: 'needs ONNX Runtime' };
      const chosen = report.engines.find((engine) => engine.chosen)?.name ?? null;
      const free = freeMemory();
      if (options.json) sayJson({ ...report, int8, threads: options.threads, free, chosen });
      else say(options, reportText(report, int8, options.threads, free));
      if (chosen === null) process.exitCode = exitCodes.failed;
    });
