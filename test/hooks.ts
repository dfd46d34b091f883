// What mocha loads first: the cache of verydeep is a folder of this run, and not the user's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const cache = mkdtempSync(join(tmpdir(), 'verydeep-cache-'));
process.env['VERYDEEP_CACHE'] = cache;
process.on('exit', () => {
  rmSync(cache, { recursive: true, force: true });
});
