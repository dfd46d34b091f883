// Training that cannot go on: a full disk, and a signal while the images are still being measured.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openCheckpoint } from '../../src/backbone/training/checkpoint.js';
import { sha256OfFile } from '../../src/io/files.js';
import { colourImages } from '../backbone/tf.js';
import { root as project, verydeep, withFolder } from '../support.js';

const colours = { red: [220, 30, 30], green: [30, 200, 60] } as const;
const small =
  '--width 0.0625 --blocks 2 --input-size 8 --fully-connected 8 --batch 4 --init he --workers 1 --threads 1 --quiet'.split(
    ' ',
  );

/** Makes every write of a process fail as on a full disk once it has written so many bytes. */
const disk = (bytes: number): string => `
import { open } from 'node:fs/promises';
const file = await open(new URL(import.meta.url));
const prototype = Object.getPrototypeOf(file);
await file.close();
let left = ${bytes};
for (const name of ['write', 'writev', 'writeFile', 'appendFile']) {
  const original = prototype[name];
  prototype[name] = function (data, ...rest) {
    left -= name === 'writev' ? data.reduce((sum, part) => sum + part.byteLength, 0) : Buffer.byteLength(data);
    if (left < 0) return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
    return original.call(this, data, ...rest);
  };
}
`;

describe('training that cannot go on', () => {
  it('says that the disk is full, keeps the last checkpoint, and ends with the same bytes once there is room', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 8, colours);
      const args = ['train', 'folder', '--data', join(root, 'data'), '--epochs', '6', ...small];
      const whole = join(root, 'whole');
      assert.equal((await verydeep([...args, '--out', whole])).code, 0);
      const checkpointBytes = (await readFile(join(whole, 'checkpoint.safetensors'))).length;

      const out = join(root, 'out');
      const preload = join(root, 'disk.mjs');
      await writeFile(preload, disk(3.5 * checkpointBytes));
      const full = await verydeep([...args, '--out', out], {
        env: { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` },
      });
      assert.equal(full.code, 1, full.stderr);
      assert.match(
        full.stderr,
        /^verydeep: Cannot write .*: the disk is full; free some space and run again with --resume\.\n$/m,
      );
      const names = await readdir(out);
      assert.ok(
        !names.some((name) => name.endsWith('.tmp') || name === 'backbone.safetensors'),
        names.join(' '),
      );
      const checkpoint = (await openCheckpoint(out))!;
      const { step, epoch } = checkpoint.header.state;
      await checkpoint.close();
      assert.ok(epoch >= 1 && epoch < 6 && step === epoch * 4, `epoch ${epoch}, step ${step}`);

      const resumed = await verydeep([...args, '--out', out, '--resume']);
      assert.equal(resumed.code, 0, resumed.stderr);
      const hash = (folder: string) => sha256OfFile(join(folder, 'backbone.safetensors'));
      assert.equal(await hash(out), await hash(whole));
    })).timeout(90_000);

  it('ends at once with code 130 on SIGINT while it measures colours, and starts again with --resume', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 100, colours);
      const out = join(root, 'out');
      const args = [
        'train',
        'folder',
        '--data',
        join(root, 'data'),
        '--epochs',
        '0',
        '--out',
        out,
        '--cache',
        '0',
      ];
      const flags = small.filter((flag) => flag !== '--quiet');
      // Scaled to 3000 pixels, the 200 images take minutes to measure.
      const child = spawn(
        process.execPath,
        [join(project, 'dist/src/cli/main.js'), ...args, ...flags, '--train-side', '3000'],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const closed = once(child, 'close');
      while (!stderr.includes('measure')) {
        assert.equal(child.exitCode, null, stderr);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const asked = performance.now();
      child.kill('SIGINT');
      const [code] = (await closed) as [number | null];
      assert.equal(code, 130, stderr);
      assert.ok(performance.now() - asked < 10_000);
      assert.match(stderr, /Interrupted before the first step/);
      await rm(out, { recursive: true, force: true });
      const again = await verydeep([...args, ...flags, '--resume', '--quiet']);
      assert.equal(again.code, 0, again.stderr);
    })).timeout(120_000);
});
