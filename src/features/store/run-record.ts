// Files that a run writes beside the descriptors: run.json (when, where, how) and skipped images as CSV.
import { arch, cpus, hostname, platform } from 'node:os';
import { existsSync } from 'node:fs';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { csvLines } from '../../formats/csv.js';
import { sha256OfFile, writeFileAtomically } from '../../io/files.js';
import type { Skipped } from '../../progress.js';
import type { Shard } from './list.js';
import type { NetIdentity } from './recipe.js';

/** The record of a run. */
export interface RunRecord {
  /** ISO time. */
  readonly started: string;
  readonly seconds: number;
  /** Time spent in the nets in seconds, summed over workers. */
  readonly busySeconds: number;
  /** Images of this shard. */
  readonly images: number;
  readonly computed: number;
  /** Images whose descriptor was reused, from the same image or an earlier run. */
  readonly reused: number;
  /** Input pixels of the nets, over all scales, mirrored images not counted. */
  readonly megapixels: number;
  readonly skipped: number;
  readonly threads: number;
  readonly workers: number;
  readonly engine: string;
  readonly hash: string;
  readonly shard: string;
  readonly command: readonly string[];
  /** The weight files by checksum; paths are relative to the store's folder. */
  readonly backbones: readonly { readonly sha256: string; readonly path: string }[];
}

/** Skipped images as CSV with a header. */
export const skippedCsv = (skipped: readonly Skipped[]): string =>
  csvLines([['id', 'path', 'reason'], ...skipped.map(({ id, path, reason }) => [id, path, reason])]);

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

const RECORD = /^run(-\d+-of-\d+)?\.json$/;

/** Reads a record; undefined if it is invalid, since descriptors can be read without it. */
const recordIn = async (path: string): Promise<Partial<RunRecord> | undefined> => {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
};

/** Records of the runs that wrote to a folder. */
const recordsOf = async (folder: string): Promise<Partial<RunRecord>[]> => {
  const records: Partial<RunRecord>[] = [];
  for (const name of (await readdir(folder)).filter((file) => RECORD.test(file)).sort()) {
    const record = await recordIn(join(folder, name));
    if (record) records.push(record);
  }
  return records;
};

/** Weight files named in the command of a record of version 0.1, which has them only there. */
const fromCommand = async (command: readonly string[]): Promise<[string, string][]> => {
  // eslint-disable-next-line house/no-flags -- the command line as it was typed
  const files = command.filter((_, i) => command[i - 1] === '--backbone').map((file) => resolve(file));
  return Promise.all(
    files.filter((file) => existsSync(file)).map(async (file) => [await sha256OfFile(file), file]),
  );
};

/**
 * Paths of the nets' weight files according to the records in `folders`; undefined for a net that none names.
 */
export const recordedWeights = async (
  folders: readonly string[],
  nets: readonly NetIdentity[],
): Promise<(string | undefined)[]> => {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const { backbones, command } of await recordsOf(folder)) {
      if (backbones) {
        for (const { sha256, path } of backbones) files.set(sha256, resolve(folder, path));
      } else if (command) {
        for (const [sha256, path] of await fromCommand(command)) files.set(sha256, path);
      }
    }
  }
  return nets.map(({ sha256 }) => files.get(sha256));
};

/** Copies the records of several folders into one under their names; the first of a name wins. */
export const copyRecords = async (folders: readonly string[], out: string): Promise<void> => {
  for (const folder of folders) {
    if (resolve(folder) === resolve(out)) continue;
    for (const name of (await readdir(folder)).filter((file) => RECORD.test(file))) {
      if (existsSync(join(out, name))) continue;
      const record = await recordIn(join(folder, name));
      if (!record) continue;
      const backbones = record.backbones?.map((net) => ({
        ...net,
        path: relative(resolve(out), resolve(folder, net.path)),
      }));
      const moved = { ...record, ...(backbones && { backbones }) };
      await writeFileAtomically(join(out, name), `${JSON.stringify(moved, null, 2)}\n`);
    }
  }
};
