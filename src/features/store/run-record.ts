// What a run leaves beside the descriptors: run.json (when, where, how) and a list of skipped images as CSV.
import { arch, cpus, hostname, platform } from 'node:os';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { writeFileAtomically } from '../../io/files.js';
import type { Skipped } from '../../progress.js';
import type { Shard } from './list.js';

/** What a run did. */
export interface RunRecord {
  /** ISO time. */
  readonly started: string;
  readonly seconds: number;
  /** Seconds that nets computed, over all workers. */
  readonly busySeconds: number;
  /** Images of this shard. */
  readonly images: number;
  readonly computed: number;
  /** Images whose descriptor was found: the same image again, or a row of an earlier run. */
  readonly reused: number;
  /** Pixels that the nets saw, over all scales and without mirror images. */
  readonly megapixels: number;
  readonly skipped: number;
  readonly threads: number;
  readonly workers: number;
  readonly engine: string;
  readonly hash: string;
  readonly shard: string;
  readonly command: readonly string[];
}

/** A field of a CSV file, quoted where RFC 4180 asks for it. */
export const csvField = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** Skipped images as CSV with a header. */
export const skippedCsv = (skipped: readonly Skipped[]): string =>
  [['id', 'path', 'reason'], ...skipped.map(({ id, path, reason }) => [id, path, reason])]
    .map((fields) => `${fields.map(csvField).join(',')}\n`)
    .join('');

const suffix = ({ index, count }: Shard): string => (count === 1 ? '' : `-${index}-of-${count}`);

/** Writes `run.json` and, if images were skipped, `skipped.csv` (`run-0-of-4.json`, … for a shard). */
export const writeRunRecord = async (
  folder: string,
  shard: Shard,
  run: RunRecord,
  skipped: readonly Skipped[],
): Promise<void> => {
  const machine = {
    host: hostname(),
    platform: platform(),
    arch: arch(),
    processor: cpus()[0]?.model ?? 'unknown',
    node: process.version,
  };
  const text = `${JSON.stringify({ ...run, machine }, null, 2)}\n`;
  await writeFileAtomically(join(folder, `run${suffix(shard)}.json`), text);
  const csv = join(folder, `skipped${suffix(shard)}.csv`);
  if (skipped.length > 0) await writeFileAtomically(csv, skippedCsv(skipped));
  else await rm(csv, { force: true });
};
