// One attempt at a download: requests the missing rest of a file and appends it to the `.part` file.
import type { FileHandle } from 'node:fs/promises';
import { open, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type Dispatcher, request } from 'undici';
import type { Checksum } from './checksum.js';
import { chunksOf } from './download-chunks.js';
import { VerydeepError } from '../errors.js';
import { writeError } from './files.js';
import type { OnProgress } from '../progress.js';

/** A published file. */
export interface Remote {
  /** URLs of the same content, tried in order. */
  readonly urls: readonly string[];
  readonly checksum?: Checksum;
  /** Size in bytes, if known. */
  readonly bytes?: number;
}

export interface DownloadOptions {
  /** Refuse to replace a file of other content. Default: replace it, as in a cache. */
  readonly keep?: boolean;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Seconds without data after which an attempt is aborted and resumed. Default: 30. */
  readonly stallSeconds?: number;
  /** Consecutive attempts without data before the next mirror is tried. Default: 4. */
  readonly attempts?: number;
  /** Seconds to wait after the first failed attempt; doubled after each further one. Default: 1. */
  readonly pauseSeconds?: number;
}

/** Context of an attempt: the file to fill and the expected content. */
export interface Job {
  readonly remote: Remote;
  readonly path: string;
  readonly part: string;
  readonly state: string;
  readonly dispatcher: Dispatcher;
  readonly options: DownloadOptions;
}

/** Validator of the remote file's version that a `.part` file comes from. */
interface PartState {
  readonly url: string;
  readonly validator?: string;
}

/** A failure that makes retrying the same URL useless. */
export class Refused extends Error {}

/** Size of a file in bytes; 0 if missing. */
export const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

const header = (headers: Dispatcher.ResponseData['headers'], name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** The value for `If-Range`: a strong ETag, else the date. */
const validatorOf = (headers: Dispatcher.ResponseData['headers']): string | undefined => {
  const etag = header(headers, 'etag');
  return etag && !etag.startsWith('W/') ? etag : header(headers, 'last-modified');
};

const readState = async (path: string): Promise<PartState | undefined> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as PartState;
  } catch {
    return undefined;
  }
};

const checkSpace = async (path: string, needed: number): Promise<void> => {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize < needed) {
    throw new VerydeepError(
      `Cannot download ${basename(path)}: it needs ${needed} bytes more and the disk of ${dirname(path)} has ` +
        `${bavail * bsize} left. Free some space; the download then continues where it stopped.`,
    );
  }
};

/** Offset of the response's bytes and the final size, or why the response cannot be used. */
const placeOf = (
  { remote }: Job,
  { statusCode, headers }: Dispatcher.ResponseData,
): { start: number; total?: number } => {
  if (statusCode >= 400) {
    const answer = `the server answers ${statusCode}`;
    if (statusCode === 408 || statusCode === 429 || statusCode >= 500) throw new Error(answer);
    throw new Refused(answer);
  }
  if (statusCode !== 200 && statusCode !== 206) throw new Refused(`the server answers ${statusCode}`);
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header(headers, 'content-range') ?? '');
  const start = statusCode === 206 ? Number(range?.[1] ?? -1) : 0;
  const length = header(headers, 'content-length');
  const whole = statusCode === 206 ? range?.[2] : length;
  const total = whole === undefined || whole === '*' ? remote.bytes : Number(whole);
  if (remote.bytes !== undefined && total !== remote.bytes) {
    throw new Refused(`the server offers ${total} bytes, the published file has ${remote.bytes}`);
  }
  return total === undefined ? { start } : { start, total };
};

const report = ({ options, path }: Job, total: number | undefined, base: number) => {
  const began = performance.now();
  let [last, first] = [0, true];
  return (done: number, end = false): void => {
    const now = performance.now();
    if (!first && !end && now - last < 100) return;
    [last, first] = [now, false];
    const rate = (done - base) / Math.max(1e-3, (now - began) / 1000) / 1e6;
    options.onProgress?.({
      task: `download ${basename(path)}`,
      done,
      ...(total === undefined ? {} : { total }),
      unit: 'bytes',
      figures: { 'MB/s': rate },
    });
  };
};

const pour = async (
  job: Job,
  chunks: () => AsyncGenerator<Buffer>,
  file: FileHandle,
  start: number,
  total: number | undefined,
): Promise<void> => {
  let done = start;
  const tell = report(job, total, start);
  tell(done);
  for await (const chunk of chunks()) {
    if (total !== undefined && done + chunk.length > total) throw new Error('more bytes than announced');
    try {
      await file.writev([chunk], done);
    } catch (error) {
      throw writeError(job.part, error);
    }
    tell((done += chunk.length));
  }
  tell(done, true);
  if (total !== undefined && done < total)
    throw new Error(`the connection ended after ${done} of ${total} bytes`);
};

/**
 * Requests the missing bytes from `url` and appends them to the `.part` file. Returns when the file is
 * complete.
 */
export const attempt = async (job: Job, url: string): Promise<void> => {
  const { part, state, dispatcher, options } = job;
  const before = await readState(state);
  // Another mirror may continue the file only if a checksum can verify the result.
  const sameFile = before?.url === url || Object.keys(job.remote.checksum ?? {}).length > 0;
  if (!sameFile) await rm(part, { force: true });
  const have = await sizeOf(part);
  const stall = (options.stallSeconds ?? 30) * 1000;
  const response = await request(url, {
    dispatcher,
    headersTimeout: stall,
    bodyTimeout: stall,
    signal: options.signal ?? null,
    headers: {
      'accept-encoding': 'identity',
      ...(have > 0 ? { range: `bytes=${have}-` } : {}),
      ...(have > 0 && before?.url === url && before.validator ? { 'if-range': before.validator } : {}),
    },
  });
  const chunks = chunksOf(response.body);
  try {
    if (response.statusCode === 416 && have > 0) {
      const total = /\/(\d+)$/.exec(header(response.headers, 'content-range') ?? '')?.[1];
      if (Number(total) === have) return;
      await rm(part, { force: true });
      throw new Error('the partial file does not belong to the remote one');
    }
    const { start, total } = placeOf(job, response);
    if (start !== 0 && start !== have) {
      await rm(part, { force: true });
      throw new Error('the server sends another range than requested');
    }
    if (total !== undefined) await checkSpace(part, total - start);
    const validator = validatorOf(response.headers);
    await writeFile(state, JSON.stringify({ url, ...(validator ? { validator } : {}) } satisfies PartState));
    const file = await open(part, start > 0 ? 'r+' : 'w');
    try {
      await pour(job, chunks, file, start, total);
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    response.body.destroy();
  }
};
