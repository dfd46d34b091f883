// What a speed benchmark reports: rows that compare a measured figure with a target, and the machine they were measured on.
import { arch, cpus, platform, totalmem } from 'node:os';
import { usableCores } from '../../src/cores.js';

/** Whether higher or lower figures are better. */
export type Better = 'higher' | 'lower';

/** One comparison, measured in this run. */
export interface Row {
  /** What was measured: "VGG-16 112x112 batch 8, training step". */
  readonly case: string;
  /** Unit of `ours` and `peer`: "ms", "GFLOPS", "images/s", … */
  readonly unit: string;
  readonly ours: number | null;
  /** The peer's measurement in the same unit; null where there is none. */
  readonly peer: number | null;
  /** The peer, with version and settings; or why it is missing. */
  readonly peerName: string;
  /** What is compared with the target: a ratio, a share of peak, seconds; null where it could not be measured. */
  readonly figure: number | null;
  /** Null for a row that only informs. */
  readonly target: number | null;
  readonly better: Better;
  /** Null where there is no target, or nothing was measured. */
  readonly met: boolean | null;
}

/** The machine that the rows were measured on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  /** Load average of the last minute when the run began: above a few tenths the figures are those of a shared machine. */
  readonly load: number;
  /** Further facts a benchmark measured: its peak, versions of libraries. */
  readonly [fact: string]: string | number;
}

/** The document of `npm run bench -- NAME --json`. */
export interface SpeedReport {
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

/** Options that the runner passes to every benchmark. */
export interface SpeedOptions {
  readonly threads: number;
  /** Fewer repetitions and smaller cases, to see that the benchmark works. */
  readonly quick: boolean;
  /** One case of a benchmark that has several, by name. */
  readonly size?: string;
  /** Only where the time goes, for a benchmark that can tell. */
  readonly profile?: boolean;
  /** Tells what is being measured. */
  readonly onNote: (text: string) => void;
}

/** What every module of benchmarks/speed but the shared ones exports as `run`. */
export type SpeedBenchmark = (
  options: SpeedOptions,
) => Promise<{ rows: Row[]; facts?: Readonly<Record<string, string | number>> }>;

/** Completes a row: whether the figure meets the target. */
export const row = (facts: Omit<Row, 'met'>): Row => {
  const { figure, target, better } = facts;
  const met =
    figure === null || target === null ? null : better === 'higher' ? figure >= target : figure <= target;
  return { ...facts, met };
};

/** A row for a peer or case that could not be measured, saying why. */
export const missingRow = (facts: Pick<Row, 'case' | 'unit' | 'target' | 'better'>, why: string): Row =>
  row({ ...facts, ours: null, peer: null, peerName: why, figure: null });

/** Facts about this machine; `load` is read at once, before the benchmark adds its own. */
export const describeMachine = (load: number): Machine => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: usableCores(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: `${platform()} ${arch()}`,
  node: process.versions.node,
  load,
});

/**
 * Milliseconds of the best of several calls after one to warm up: other work on the machine only ever adds time.
 *
 * @param repetitions how many calls are timed
 * @param warmUp milliseconds of calls before; one call at least
 */
export const bestTime = async (
  repetitions: number,
  call: () => void | Promise<void>,
  warmUp = 0,
): Promise<number> => {
  const begin = performance.now();
  do await call();
  while (performance.now() - begin < warmUp);
  let best = Infinity;
  for (let i = 0; i < repetitions; i++) {
    const start = performance.now();
    await call();
    best = Math.min(best, performance.now() - start);
  }
  return best;
};
