// Downloads files: resumed, verified, from mirrors, through a proxy, with one process per file.
import { existsSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EnvHttpProxyAgent, interceptors } from 'undici';
import { mismatchOf } from './checksum.js';
import { type DownloadOptions, type Job, Refused, type Remote, attempt, sizeOf } from './download-attempt.js';
import { UsageError, VerydeepError, codeOf, messageOf, option, text } from '../errors.js';
import { makeFolder } from './files.js';
import { withLock } from './lock.js';

export type { DownloadOptions, Remote } from './download-attempt.js';

export interface Downloaded {
  readonly path: string;
  readonly bytes: number;
  /** The file existed; nothing was downloaded. */
  readonly cached: boolean;
  /** Bytes kept from an earlier, interrupted download. */
  readonly resumedFrom: number;
}

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

/** Fills the `.part` file from one URL, resuming after interruptions. Throws if it cannot. */
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

/**
 * Tries one URL; after a wrong checksum of a resumed file it retries once from the beginning. Returns why it
 * failed.
 */
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
 * Downloads a remote file to `path`. An interrupted download in `path.part` is resumed if the server allows
 * it. `path` appears only when complete and verified; an existing file with wrong content is replaced, or with
 * `options.keep` refused.
 * Honours HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
 *
 * @throws VerydeepError naming every URL that was tried and why each failed; the signal's reason if aborted
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
    if (options.keep && existsSync(path)) {
      throw new UsageError(
        text`${path} is there already, but its content is not the published one. Move it away, or add ${option('force')} to replace it.`,
      );
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
      `Cannot download ${basename(path)}. ${failures.join('; ')}. Run the same command again to continue, or fetch the ` +
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
