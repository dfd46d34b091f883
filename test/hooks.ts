// What mocha loads first, in each of its processes: the cache of verydeep is a folder of this run, and not the user's.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const given = process.env['VERYDEEP_TEST_CACHE'];
const caches = given ?? mkdtempSync(join(tmpdir(), 'verydeep-cache-'));
process.env['VERYDEEP_TEST_CACHE'] = caches; // for the processes in which mocha runs the files
const cache = join(caches, String(process.pid));
mkdirSync(cache);
process.env['VERYDEEP_CACHE'] = cache;

// The first process ends last.
if (given === undefined) process.on('exit', () => rmSync(caches, { recursive: true, force: true }));
