// Compressed archives have no random access: their files are copied once into a plain .tar in the cache, and read there.
import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { openPromise } from 'yauzl';
import { cacheFolder } from '../../io/cache.js';
import { VerydeepError, messageOf } from '../../errors.js';
import { makeFolder, sha256, writeAtomically } from '../../io/files.js';
import type { OnProgress } from '../../progress.js';
import { refuseName } from './names.js';

export interface RepackOptions {
  /** Folder of the copy. Default the folder `archives` in {@link cacheFolder}. */
  readonly cache?: string;
  /** Archives inside a .zip whose files are wanted in place of the archive; others inside are left out. */
  readonly inner?: RegExp;
  /** Most bytes that the files may have together. Default 20 times the archive, at least 256 MiB. */
  readonly maxBytes?: number;
  readonly onProgress?: OnProgress;
}

/** An entry of the archive; `content` must be read before the next entry. */
interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly size: number;
  readonly target?: string;
  readonly content: AsyncIterable<Buffer>;
}

const TAR_GZ = /\.(tar\.gz|tgz)$/i;
const SYMBOLIC_LINK = 0o120000;

/** Whether {@link repack} knows the form of this archive. */
export const isCompressed = (path: string): boolean => TAR_GZ.test(path) || /\.zip$/i.test(path);

/** Entries of a tar stream, compressed or not. */
const entriesOfTar = async function* (
  source: AsyncIterable<Buffer>,
  compressed: boolean,
): AsyncGenerator<Entry> {
  const tar = extract();
  const work = compressed ? pipeline(source, createGunzip(), tar) : pipeline(source, tar);
  // A failure upstream destroys `tar`, whose iteration then throws; without a handler the promise would be unhandled.
  let failure: unknown;
  work.catch((error: unknown) => (failure = error));
  try {
    for await (const entry of tar) {
      const { name, type, size, linkname } = entry.header;
      const content = entry as AsyncIterable<Buffer>;
      yield { name, kind: type, size, target: linkname, content };
      entry.resume(); // whatever was not read
    }
    await work;
  } catch (error) {
    throw failure ?? error;
  }
};

/** Entries of a .zip, and of the archives in it that `inner` names. */
const entriesOfZip = async function* (path: string, inner: RegExp | undefined): AsyncGenerator<Entry> {
  const zip = await openPromise(path, { lazyEntries: true, validateEntrySizes: true, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      const { fileName: name, uncompressedSize: size } = entry;
      if (name.endsWith('/')) continue;
      const isArchive = TAR_GZ.test(name) || /\.tar$/i.test(name);
      if (isArchive && !inner?.test(name)) continue;
      const content = await zip.openReadStreamPromise(entry);
      if (isArchive) {
        refuseName(path, name);
        yield* entriesOfTar(content, TAR_GZ.test(name));
      } else if (((entry.externalFileAttributes >>> 16) & 0o170000) === SYMBOLIC_LINK) {
        const chunks: Buffer[] = [];
        for await (const chunk of content as AsyncIterable<Buffer>) chunks.push(chunk);
        yield { name, kind: 'symlink', size: 0, target: Buffer.concat(chunks).toString(), content: content };
      } else yield { name, kind: 'file', size, content };
    }
  } finally {
    zip.close();
  }
};

const MIB = 2 ** 20;

/** Copies the files among `entries` into the open `file`, as a .tar; refuses names and sizes. */
const copy = async (
  path: string,
  entries: AsyncIterable<Entry>,
  maxBytes: number,
  write: (chunk: Buffer) => Promise<void>,
): Promise<void> => {
  const tar = pack();
  const fill = async (): Promise<void> => {
    let total = 0;
    for await (const { name, kind, size, target, content } of entries) {
      const link = kind === 'symlink' || kind === 'link';
      refuseName(path, name, link ? (target ?? '') : undefined, kind === 'symlink');
      if (kind !== 'file' && kind !== 'contiguous-file') {
        continue;
      }
      total += size;
      if (total > maxBytes) {
        throw new VerydeepError(
          `Refused the archive ${path}: with its entry ${JSON.stringify(name)} of ${size} bytes it would unpack to more than ${maxBytes} bytes.`,
        );
      }
      const sink = tar.entry({ name, size, mtime: new Date(0) });
      await pipeline(content, sink);
    }
    tar.finalize();
  };
  const drain = async (): Promise<void> => {
    for await (const chunk of tar as AsyncIterable<Buffer>) await write(chunk);
  };
  await Promise.all([
    fill().catch((error: unknown) => {
      tar.destroy(error as Error);
      throw error;
    }),
    drain(),
  ]);
};

/** Whether an error comes from the system (disk full, permission) and not from the archive's content. */
const isSystem = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

/**
 * Copies the files of a `.tar.gz` or `.zip` into a `.tar` in the cache, unless a copy exists: the copy is
 * identified by the archive's path, size and modification time. Links, folders and devices are omitted.
 *
 * @returns the path of the copy
 * @throws VerydeepError naming archive and entry: an entry that leads out of the folder, one that declares
 * too many bytes, an archive that is damaged or ends too early
 */
export const repack = async (archive: string, options: RepackOptions = {}): Promise<string> => {
  const path = resolve(archive);
  const { size, mtimeMs } = await stat(path);
  const { inner, maxBytes = Math.max(256 * MIB, 20 * size), onProgress } = options;
  const key = sha256(`${path}\0${size}\0${mtimeMs}\0${inner?.source ?? ''}`).slice(0, 16);
  const name = basename(path);
  const copyPath = join(
    options.cache ?? join(cacheFolder(), 'archives'),
    `${name.replace(/\.(tar\.gz|tgz|zip)$/i, '')}-${key}.tar`,
  );
  if (existsSync(copyPath)) return copyPath;
  await makeFolder(dirname(copyPath), 'VERYDEEP_CACHE');
  const entries = TAR_GZ.test(path)
    ? entriesOfTar(createReadStream(path, { highWaterMark: MIB }), true)
    : entriesOfZip(path, inner);
  await writeAtomically(copyPath, async (file) => {
    let done = 0;
    try {
      await copy(path, entries, maxBytes, async (chunk) => {
        await file.writeFile(chunk);
        done += chunk.length;
        onProgress?.({ task: `unpack ${name}`, done, unit: 'bytes' });
      });
    } catch (error) {
      if (error instanceof VerydeepError || isSystem(error)) throw error;
      throw new VerydeepError(
        `The archive ${path} is damaged or ends too early (${messageOf(error)}). Download it again.`,
      );
    }
  });
  return copyPath;
};
