// Checks files against published checksums: MD5, SHA-1, SHA-256, or the first digits of a SHA-256.
import { createHash } from 'node:crypto';
import { fileChunks } from './file-chunks.js';

/** Published checksums in lower-case hexadecimal; every given field is checked. */
export interface Checksum {
  readonly md5?: string;
  readonly sha1?: string;
  /** All 64 digits, or the first digits if only these are published. */
  readonly sha256?: string;
}

export const algorithms = ['md5', 'sha1', 'sha256'] as const;
export type Algorithm = (typeof algorithms)[number];

/** Computes several checksums in one pass over a file; `onBytes` reports progress. */
export const checksumsOf = async (
  path: string,
  which: readonly Algorithm[],
  onBytes?: (done: number) => void,
): Promise<Record<Algorithm, string | undefined>> => {
  const hashes = which.map((algorithm) => [algorithm, createHash(algorithm)] as const);
  let done = 0;
  for await (const chunk of fileChunks(path)) {
    for (const [, hash] of hashes) hash.update(chunk);
    onBytes?.((done += chunk.length));
  }
  const found: Record<Algorithm, string | undefined> = { md5: undefined, sha1: undefined, sha256: undefined };
  for (const [algorithm, hash] of hashes) found[algorithm] = hash.digest('hex');
  return found;
};

/** A mismatch of checksums. */
export interface Mismatch {
  readonly algorithm: Algorithm;
  readonly expected: string;
  readonly received: string;
}

/** The first mismatch of a file, or undefined. */
export const mismatchOf = async (
  path: string,
  known: Checksum,
  onBytes?: (done: number) => void,
): Promise<Mismatch | undefined> => {
  const which = algorithms.filter((algorithm) => known[algorithm] !== undefined);
  if (which.length === 0) return undefined;
  const found = await checksumsOf(path, which, onBytes);
  for (const algorithm of which) {
    const [wanted, received] = [known[algorithm]!.toLowerCase(), found[algorithm]!];
    if (!received.startsWith(wanted)) return { algorithm, expected: wanted, received };
  }
  return undefined;
};
