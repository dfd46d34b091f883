// Downloads: resumed after a cut, checked, from mirrors, through a proxy, one at a time for each file.
import type { FileHandle } from 'node:fs/promises';
import { open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Dispatcher, EnvHttpProxyAgent, interceptors, request } from 'undici';
import { type Checksum, mismatchOf } from './checksum.js';
import { VerydeepError, codeOf, messageOf } from './errors.js';
import { makeFolder, writeError } from './files.js';
import { withLock } from './lock.js';
import type { OnProgress } from './progress.js';

/** A file that somebody publishes. */
export interface Remote {
  /** The same content at one or several places, tried in order. */
  readonly urls: readonly string[];
  readonly checksum?: Checksum;
  /** Size where it is known beforehand. */
  readonly bytes?: number;
}

export interface DownloadOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** An attempt that receives nothing for so many seconds is given up and resumed [30]. */
  readonly stallSeconds?: number;
  /** Attempts in a row that may bring nothing before the next mirror is tried [4]. */
  readonly attempts?: number;
  /** Pause after the first failed attempt, doubled with each further one [1]. */
  readonly pauseSeconds?: number;
}

export interface Downloaded {
  readonly path: string;
  readonly bytes: number;
  /** The file was there already and nothing was fetched. */
  readonly cached: boolean;
  /** Bytes that an earlier, interrupted download had brought. */
  readonly resumedFrom: number;
}

/** What identifies the version of the remote file that a `.part` file begins. */
interface PartState {
  readonly url: string;
  readonly validator?: string;
}

/** A failure after which trying the same place again is no use. */
class Refused extends Error {}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

const header = (headers: Dispatcher.ResponseData['headers'], name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** A strong ETag, else the date: what `If-Range` takes. */
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
        `${bavail * bsize} left. Free some space; the download goes on where it stopped.`,
    );
  }
};

/** One attempt's surroundings: the file being filled and what it should become. */
interface Job {
  readonly remote: Remote;
  readonly path: string;
  readonly part: string;
  readonly state: string;
  readonly dispatcher: Dispatcher;
  readonly options: DownloadOptions;
}

/** Where the answer's bytes belong and how large the file is in the end, or why the answer is no use. */
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

const QUEUED = 1 << 22;

/**
 * The chunks of an answer. A stream that breaks drops what it had buffered; here all that arrived is handed on before
 * the failure is, so that the next attempt begins where this one really ended.
 */
const chunksOf = (body: Dispatcher.ResponseData['body']): (() => AsyncGenerator<Buffer>) => {
  const queue: Buffer[] = [];
  let [queued, ended] = [0, false];
  let failure: Error | undefined;
  let wake: () => void = () => undefined;
  body.on('data', (chunk: Buffer) => {
    queue.push(chunk);
    queued += chunk.length;
    if (queued > QUEUED) body.pause();
    wake();
  });
  body.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  body.on('end', () => {
    ended = true;
    wake();
  });
  body.on('close', () => {
    if (!ended) failure ??= new Error('the connection was closed');
    wake();
  });
  return async function* () {
    for (;;) {
      for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
        queued -= chunk.length;
        yield chunk;
      }
      if (failure) throw failure;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        body.resume();
      });
    }
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

/** Asks `url` for what is missing and appends it to the `.part` file. Returns when the file is complete. */
const attempt = async (job: Job, url: string): Promise<void> => {
  const { part, state, dispatcher, options } = job;
  const before = await readState(state);
  // Another place may go on with what one began only where a checksum will tell whether the halves fit.
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
      throw new Error('the server sends another part than asked for');
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

const reasonOf = (error: unknown): string =>
  ({
    UND_ERR_BODY_TIMEOUT: 'the server stopped sending',
    UND_ERR_HEADERS_TIMEOUT: 'the server does not answer',
    UND_ERR_CONNECT_TIMEOUT: 'no connection',
    ENOTFOUND: 'no such host; is this machine online?',
    EAI_AGAIN: 'no such host; is this machine online?',
    ECONNREFUSED: 'the connection is refused',
  })[codeOf(error) ?? ''] ??
  (messageOf(error) || codeOf(error) || 'unknown failure');

/** Fills the `.part` file from one place, going on after cuts. Throws when it cannot. */
const fetchFrom = async (job: Job, url: string): Promise<void> => {
  const { attempts = 4, pauseSeconds = 1, signal } = job.options;
  let most = await sizeOf(job.part);
  for (let failures = 0; ;) {
    try {
      await attempt(job, url);
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof VerydeepError || error instanceof Refused) throw error;
      const have = await sizeOf(job.part);
      failures = have > most ? 1 : failures + 1;
      most = Math.max(most, have);
      if (failures >= attempts) throw error;
      await pause(pauseSeconds * 1000 * 2 ** (failures - 1), undefined, signal ? { signal } : {});
    }
  }
};

const checkPart = async ({ remote, part, path, options }: Job): Promise<string | undefined> => {
  const total = await sizeOf(part);
  if (remote.bytes !== undefined && total !== remote.bytes) {
    return `${total} bytes came, the published file has ${remote.bytes}`;
  }
  const mismatch = await mismatchOf(part, remote.checksum ?? {}, (done) =>
    options.onProgress?.({ task: `check ${basename(path)}`, done, total, unit: 'bytes' }),
  );
  return (
    mismatch &&
    `the content is not the published one (${mismatch.algorithm} ${mismatch.received}, expected ${mismatch.expected})`
  );
};

/** Tries one place; a wrong checksum after resuming is tried once more from the beginning. Returns why it failed. */
const tryPlace = async (job: Job, url: string): Promise<string | undefined> => {
  try {
    for (;;) {
      const resumed = (await sizeOf(job.part)) > 0;
      await fetchFrom(job, url);
      const wrong = await checkPart(job);
      if (wrong === undefined) return undefined;
      await rm(job.part, { force: true });
      if (!resumed) return wrong;
    }
  } catch (error) {
    job.options.signal?.throwIfAborted();
    if (error instanceof VerydeepError) throw error;
    return reasonOf(error);
  }
};

const isComplete = async (path: string, remote: Remote): Promise<boolean> => {
  const size = await stat(path).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
  if (size === undefined || (remote.bytes !== undefined && size !== remote.bytes)) return false;
  return (await mismatchOf(path, remote.checksum ?? {})) === undefined;
};

/**
 * Brings a remote file to `path`. What an earlier, interrupted download left in `path.part` is gone on with where the
 * server allows it. `path` itself appears only complete and with the right checksum; a file of that name with the
 * wrong content is replaced. Heeds HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
 *
 * @throws VerydeepError naming every place that was tried and why each failed; the signal's reason when aborted
 */
export const download = async (
  remote: Remote,
  path: string,
  options: DownloadOptions = {},
): Promise<Downloaded> => {
  await makeFolder(dirname(path), 'the download');
  const [part, state] = [`${path}.part`, `${path}.part.json`];
  const work = async (): Promise<Downloaded> => {
    if (await isComplete(path, remote)) {
      return { path, bytes: await sizeOf(path), cached: true, resumedFrom: 0 };
    }
    const resumedFrom = await sizeOf(part);
    const agent = new EnvHttpProxyAgent({ connect: { timeout: (options.stallSeconds ?? 30) * 1000 } });
    const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 8 }));
    const failures: string[] = [];
    try {
      for (const url of remote.urls) {
        const failure = await tryPlace({ remote, path, part, state, dispatcher, options }, url);
        if (failure === undefined) {
          await rename(part, path);
          await rm(state, { force: true });
          return { path, bytes: await sizeOf(path), cached: false, resumedFrom };
        }
        failures.push(`${url}: ${failure}`);
      }
    } finally {
      await agent.destroy();
    }
    throw new VerydeepError(
      `Cannot download ${basename(path)}. ${failures.join('; ')}. Run the same command again to go on, or fetch the ` +
        `file another way and put it at ${path}.`,
    );
  };
  return withLock(`${path}.lock`, work, {
    ...(options.signal ? { signal: options.signal } : {}),
    onWait: (holder) =>
      options.onProgress?.({
        task: `wait for ${basename(path)}`,
        done: 0,
        unit: 'bytes',
        figures: { holder },
      }),
  });
};
