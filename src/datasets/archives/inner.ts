// Verifies the checksum of an archive inside a .zip, for Caltech-101, whose .zip was re-created.
import { createHash } from 'node:crypto';
import { openPromise } from 'yauzl';
import { type Checksum, type Mismatch, algorithms } from '../../io/checksum.js';
import { VerydeepError } from '../../errors.js';

/**
 * Compares the content of a file in a .zip with its checksums; it is streamed.
 *
 * @param inner the file's name without folders
 * @returns the first checksum that differs
 * @throws VerydeepError when the .zip holds no such file
 */
export const innerMismatchOf = async (
  path: string,
  { file, checksum }: { readonly file: string; readonly checksum: Checksum },
): Promise<Mismatch | undefined> => {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.split('/').pop() !== file) continue;
      const wanted = algorithms.filter((algorithm) => checksum[algorithm] !== undefined);
      const hashes = wanted.map((algorithm) => createHash(algorithm));
      for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
        for (const hash of hashes) hash.update(chunk);
      }
      for (const [i, algorithm] of wanted.entries()) {
        const [expected, received] = [checksum[algorithm]!, hashes[i]!.digest('hex')];
        if (!received.startsWith(expected)) return { algorithm, expected, received };
      }
      return undefined;
    }
  } finally {
    zip.close();
  }
  throw new VerydeepError(
    `Expected ${file} in the archive ${path} but it holds other files. Download it again.`,
  );
};
