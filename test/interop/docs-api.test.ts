// The API pages are those that the docstrings make.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../support.js';

describe('docs/api', () => {
  it('is what `npm run docs:api` writes', async () => {
    await promisify(execFile)(process.execPath, [join(root, 'scripts/docs-api.mjs'), '--check']);
  });
});
