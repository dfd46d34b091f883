// Runs a benchmark by its name, from images or descriptors to files and figures.
import { benchmarkNamed, benchmarks } from './list.js';
import type { ProtocolName } from './protocol/options.js';
import type { Results } from './protocol/results.js';
import { type RunOptions, runBenchmark as run } from './protocol/run.js';

/** What a benchmark is run on: `data` and `backbones`, or `features` that are on disk; what is missing is as the paper has it. */
export interface BenchmarkOptions extends Partial<Omit<RunOptions, 'out'>>, Pick<RunOptions, 'out'> {
  /** "paper" (default), or "vissl" for voc2007. */
  readonly protocol?: ProtocolName;
}

/** Names that {@link runBenchmark} knows, in the order of the paper's tables. */
export const benchmarkNames: readonly string[] = benchmarks.map(({ name }) => name);

/**
 * Evaluates a benchmark of the paper (section 4 and appendix B): describes the images, trains and tests SVMs on its splits,
 * and writes `results.json`, `results.csv` and `report.html` to `options.out`. Descriptors in `out` are used again.
 *
 * @param name one of {@link benchmarkNames}: "voc2007", "voc2012", "voc2012-action", "caltech101", "caltech256", "folder"
 * @returns what `results.json` holds; figures in percent
 * @throws UsageError naming the option or file at fault
 * @throws InterruptedError after `options.extract.signal`
 */
export const runBenchmark = async (
  name: string,
  { protocol = 'paper', ...options }: BenchmarkOptions,
): Promise<Results> =>
  run(benchmarkNamed(name, protocol), {
    backbones: [],
    features: [],
    recipe: {},
    seed: 1,
    command: `runBenchmark(${JSON.stringify(name)}, …)`,
    ...options,
  });
