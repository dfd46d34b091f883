// Lock files, so that two processes never write the same file. The lock of a dead process is taken over.
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf } from '../errors.js';

const HEARTBEAT = 2_000;
const STALE = 20_000;

const processLives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
};

/** Whether a lock is stale: its process (on this machine) has ended, or it has not been renewed. */
const isStale = async (path: string, text: string): Promise<boolean> => {
  const [host, pid] = text.split(' ');
  if (host === hostname() && !processLives(Number(pid))) return true;
  return Date.now() - (await stat(path)).mtimeMs > STALE;
};

/** Moves a stale lock away; if it was renewed meanwhile, it is put back. */
const takeOver = async (path: string, stale: string, mine: string): Promise<void> => {
  const aside = `${path}.${mine.replaceAll(/\W/g, '-')}`;
  try {
    await rename(path, aside);
    const moved = await readFile(aside, 'utf8');
    if (moved !== stale) await writeFile(path, moved, { flag: 'wx' });
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await rm(aside, { force: true });
  }
};

let serial = 0;

/**
 * Runs `work` while holding the lock file `path`; waits for another holder to finish.
 *
 * @param options.onWait called once if another process holds the lock, with its host and process id
 * @param options.signal aborts the wait
 * @throws what `work` throws; the signal's reason
 */
export const withLock = async <T>(
  path: string,
  work: () => Promise<T>,
  options: { readonly onWait?: (holder: string) => void; readonly signal?: AbortSignal } = {},
): Promise<T> => {
  const mine = `${hostname()} ${process.pid} ${++serial} ${Date.now()}`;
  for (let waited = false; ; waited = true) {
    options.signal?.throwIfAborted();
    try {
      await writeFile(path, mine, { flag: 'wx' });
      break;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const holder = await readFile(path, 'utf8').catch(() => undefined);
    if (holder === undefined) continue; // Released just now.
    if (await isStale(path, holder).catch(() => false)) {
      await takeOver(path, holder, mine);
      continue;
    }
    if (!waited) options.onWait?.(holder.split(' ').slice(0, 2).join(', process '));
    await pause(200);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(path, { force: true });
  }
};
