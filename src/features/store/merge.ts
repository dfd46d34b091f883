// Merges the folders of several shards into one store, with the same bytes as a single run.
import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UsageError, option, text } from '../../errors.js';
import { makeFolder, sha256OfFile, writeFileAtomically } from '../../io/files.js';
import type { OnProgress } from '../../progress.js';
import { type Part, openPart } from './part.js';
import { differenceOf, refusal } from '../../io/work.js';
import { type Where, partFiles, somePartFiles } from './reader.js';
import { workOfStore } from './work.js';
import { copyRecords, skippedCsv } from './run-record.js';

/** Summary of a merge. */
export interface Merged {
  readonly parts: number;
  readonly rows: number;
  readonly skipped: number;
}

/** The parts by index; a part in two folders must be identical in both. */
const collect = async (folders: readonly string[], where: Where): Promise<Map<number, Part>> => {
  const parts = new Map<number, Part>();
  let first: Part | undefined;
  for (const folder of folders) {
    const files = await somePartFiles(folder, where);
    for (const file of files) {
      const part = await openPart(file);
      first ??= part;
      const { hash, list, engine, part: number } = part.metadata;
      if (hash !== first.metadata.hash || list !== first.metadata.list || engine !== first.metadata.engine) {
        throw new UsageError(
          `${file} was made with another recipe, other weights, images or machinery than ${first.path}: they cannot be merged.`,
        );
      }
      const twice = parts.get(number);
      if (twice && (await sha256OfFile(twice.path)) !== (await sha256OfFile(file)))
        throw new UsageError(`${twice.path} and ${file} are the same part but differ. Keep the right one.`);
      parts.set(number, twice ?? part);
    }
  }
  return parts;
};

/** What is allowed, and words for messages. */
export interface MergeOptions {
  /** Replace descriptors of other options or images in the output folder. */
  readonly force?: boolean | undefined;
  /** What named the folders. */
  readonly where?: Where;
}

/** Refuses, or with `force` removes, parts in the output folder that are not those to be written there. */
const clearOut = async (out: string, parts: readonly Part[], force: boolean): Promise<void> => {
  const there = await partFiles(out, option('out')).catch(() => []);
  const [first] = parts;
  for (const file of there) {
    const twin = parts.find((part) => basename(part.path) === basename(file));
    if (twin && (twin.path === file || (await sha256OfFile(twin.path)) === (await sha256OfFile(file))))
      continue;
    if (!force) {
      const { metadata } = await openPart(file);
      const difference =
        differenceOf(workOfStore(metadata), workOfStore(first!.metadata)) ??
        `its images were others (the list ${metadata.list}, is ${first!.metadata.list})`;
      throw refusal(text`The store ${out} given for ${option('out')}`, difference);
    }
    await rm(file);
  }
};

/**
 * Copies the parts of several folders into `out`.
 *
 * @throws UsageError if folders do not match, or parts are missing (naming the shard to run)
 */
export const mergeFeatures = async (
  folders: readonly string[],
  out: string,
  onProgress?: OnProgress,
  { force = false, where = 'mergeFeatures' }: MergeOptions = {},
): Promise<Merged> => {
  const parts = await collect(folders, where);
  const { parts: total } = [...parts.values()][0]!.metadata;
  const missing = Array.from({ length: total }, (_, i) => i).filter((part) => !parts.has(part));
  if (missing.length > 0) {
    throw new UsageError(
      text`${missing.length} of ${total} parts are missing (the first is ${missing[0]}). Run the unfinished shards with ${option('resume')}, then merge again.`,
    );
  }
  await clearOut(out, [...parts.values()], force);
  await makeFolder(out); // No marker: its parts tell what it is, and it holds what a single run's shards hold.
  const ordered = [...parts.entries()].sort(([a], [b]) => a - b).map(([, part]) => part);
  for (const [i, { path }] of ordered.entries()) {
    const target = join(out, basename(path));
    if (target !== path) await writeFileAtomically(target, await readFile(path));
    onProgress?.({ task: 'merge', done: i + 1, total, unit: 'parts' });
  }
  await copyRecords(folders, out);
  const skipped = ordered.flatMap((part) => part.metadata.skipped);
  if (skipped.length > 0) await writeFileAtomically(join(out, 'skipped.csv'), skippedCsv(skipped));
  return { parts: total, rows: ordered.reduce((sum, part) => sum + part.rows, 0), skipped: skipped.length };
};
