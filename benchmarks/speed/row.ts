// The report of a speed benchmark: the machine, and rows that compare measured figures with targets.
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
  /** The peer's measurement in the same unit; null if missing. */
  readonly peer: number | null;
  /** The peer with version and settings, or the reason if it is missing. */
  readonly peerName: string;
  /** The figure compared with the target: a ratio, a share of peak, seconds; null if not measured. */
  readonly figure: number | null;
  /** Null if the row has no target. */
  readonly target: number | null;
  readonly better: Better;
  /** Null without a target or a figure. */
  readonly met: boolean | null;
}

/** The machine that the rows were measured on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  /** Load average of the last minute at the start; above a few tenths, other work slows the figures. */
  readonly load: number;
  /** Further facts: peak, versions of libraries. */
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
  /** Fewer repetitions and smaller cases, to check that the benchmark works. */
  readonly quick: boolean;
  /** One case of a benchmark that has several, by name. */
  readonly size?: string;
  /** Report only the profile, in benchmarks that have one. */
  readonly profile?: boolean;
  /** Called with what is being measured. */
  readonly onNote: (text: string) => void;
}

/** The function `run` that each benchmark module exports. */
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

/** A row with the reason that a peer or case could not be measured. */
export const missingRow = (facts: Pick<Row, 'case' | 'unit' | 'target' | 'better'>, why: string): Row =>
  row({ ...facts, ours: null, peer: null, peerName: why, figure: null });

/** Facts about this machine; call it before the benchmark, which adds to `load`. */
export const describeMachine = (load: number): Machine => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: usableCores(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: `${platform()} ${arch()}`,
  node: process.versions.node,
  load,
});

/**
 * Milliseconds of the fastest of several calls after a warm-up; other work on the machine can only add time.
 *
 * @param repetitions number of timed calls
 * @param warmUp milliseconds of warm-up, at least one call
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
