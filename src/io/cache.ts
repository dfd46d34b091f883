// Where downloads and unpacked archives are kept: $VERYDEEP_CACHE, or the platform's folder for caches.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What decides where the cache is; the running process's own by default. */
export interface CachePlace {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  readonly home?: string;
}

/**
 * The cache folder (absolute; it may not exist yet): `$VERYDEEP_CACHE` where set, else `~/Library/Caches/verydeep` on
 * macOS, `%LOCALAPPDATA%\verydeep\Cache` on Windows, `$XDG_CACHE_HOME/verydeep` or `~/.cache/verydeep` elsewhere.
 */
export const cacheFolder = ({
  env = process.env,
  platform = process.platform,
  home = homedir(),
}: CachePlace = {}): string => {
  const own = env['VERYDEEP_CACHE'];
  if (own) return resolve(own);
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'verydeep');
  if (platform === 'win32') {
    return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'verydeep', 'Cache');
  }
  // The XDG specification says that a relative path is to be ignored.
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg?.startsWith('/') ? xdg : join(home, '.cache'), 'verydeep');
};
