// Shared by the scripts that plot a report: `node dist/benchmarks/speed/… REPORT.json OUT.svg`.
import { readFile, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { View, parse } from 'vega';
import { type TopLevelSpec, compile } from 'vega-lite';
import type { SpeedReport } from './row.js';

/** A specification as SVG. */
export const svgOf = (spec: TopLevelSpec): Promise<string> =>
  new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();

/** Plots the report of the first argument to the file of the second, if `module` is the running script. */
export const plotCommand = async (
  module: string,
  plot: (report: SpeedReport) => Promise<string>,
): Promise<void> => {
  const script = fileURLToPath(module);
  if (process.argv[1] !== script) return;
  const [report, out] = process.argv.slice(2);
  if (!report || !out) {
    process.stderr.write(`usage: node ${relative('.', script)} REPORT.json OUT.svg\n`);
    process.exitCode = 2;
  } else {
    await writeFile(out, await plot(JSON.parse(await readFile(report, 'utf8')) as SpeedReport));
  }
};
