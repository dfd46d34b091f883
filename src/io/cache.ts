// The cache folder of downloads and unpacked archives: $VERYDEEP_CACHE, or the platform's cache folder.
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import envPaths from 'env-paths';

/**
 * The cache folder (absolute; it may not exist yet): `$VERYDEEP_CACHE` if set, else
 * `~/Library/Caches/verydeep` on macOS, `%LOCALAPPDATA%\verydeep\Cache` on Windows,
 * `$XDG_CACHE_HOME/verydeep` or `~/.cache/verydeep` elsewhere.
 */
export const cacheFolder = (): string => {
  const own = process.env['VERYDEEP_CACHE'];
  if (own) return resolve(own);
  const { cache } = envPaths('verydeep', { suffix: '' });
  // The XDG specification requires relative paths to be ignored.
  return isAbsolute(cache) ? cache : join(homedir(), '.cache', 'verydeep');
};
