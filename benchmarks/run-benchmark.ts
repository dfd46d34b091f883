// Runs a benchmark by its name, from images or descriptors to files and figures.
import type { IlsvrcResults } from './ilsvrc/results.js';
import { type LocalisationOptions, evaluateLocalisation } from './ilsvrc2012-localisation.js';
import { type IlsvrcOptions, evaluateIlsvrc } from './ilsvrc2012.js';
import type { LocalisationResults } from './localisation/results.js';
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
export const benchmarkNames: readonly string[] = [
  ...['ilsvrc2012', 'ilsvrc2012-localisation'],
  ...benchmarks.map(({ name }) => name),
];

/**
 * Tests nets themselves on ILSVRC-2012 (section 3.2 of the paper), and writes `results.json`, `predictions.csv`, `report.html`
 * and the posteriors to `options.out`.
 *
 * @returns what `results.json` holds; errors in percent
 * @throws UsageError naming the option or file at fault
 * @throws InterruptedError after `options.extract.signal`
 */
export async function runBenchmark(name: 'ilsvrc2012', options: IlsvrcOptions): Promise<IlsvrcResults>;
/**
 * Tests nets of boxes on ILSVRC-2012 (appendix A of the paper), and writes `results.json`, `guesses.jsonl`, `predictions.csv` and
 * `report.html` to `options.out`.
 *
 * @returns what `results.json` holds; errors in percent
 * @throws UsageError naming the option or file at fault
 */
export async function runBenchmark(
  name: 'ilsvrc2012-localisation',
  options: LocalisationOptions,
): Promise<LocalisationResults>;
/**
 * Evaluates a benchmark of the paper (section 4 and appendix B): describes the images, trains and tests SVMs on its splits,
 * and writes `results.json`, `results.csv` and `report.html` to `options.out`. Descriptors in `out` are used again.
 *
 * @param name one of {@link benchmarkNames}: "voc2007", "voc2012", "voc2012-action", "caltech101", "caltech256", "folder", "csv"
 * @returns what `results.json` holds; figures in percent
 * @throws UsageError naming the option or file at fault
 * @throws InterruptedError after `options.extract.signal`
 */
export async function runBenchmark(name: string, options: BenchmarkOptions): Promise<Results>;
export async function runBenchmark(
  name: string,
  options: BenchmarkOptions | IlsvrcOptions | LocalisationOptions,
): Promise<Results | IlsvrcResults | LocalisationResults> {
  if (name === 'ilsvrc2012') return evaluateIlsvrc(options as IlsvrcOptions);
  if (name === 'ilsvrc2012-localisation') return evaluateLocalisation(options as LocalisationOptions);
  const { protocol = 'paper', ...own } = options as BenchmarkOptions;
  return run(benchmarkNamed(name, protocol), {
    backbones: [],
    features: [],
    recipe: {},
    seed: 1,
    command: `runBenchmark(${JSON.stringify(name)}, …)`,
    ...own,
  });
}
