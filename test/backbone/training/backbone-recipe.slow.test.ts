// The recipe of the net that comes with verydeep, in short, on photographs of Tiny ImageNet: below the folder that VERYDEEP_DATA
// names; skipped, by name, where that is not there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openBackbone } from '../../../src/backbone/nets/backbone.js';
import { sha256OfFile } from '../../../src/io/files.js';
import { root, verydeep, withFolder } from '../../support.js';

const PHOTOS = join(process.env['VERYDEEP_DATA'] ?? '', 'tiny-imagenet-200', 'train');
const [CLASSES, IMAGES, EPOCHS] = [6, 40, 3];

describe('recipes/backbone.yaml', function () {
  this.timeout(300_000);
  before(function () {
    if (process.env['VERYDEEP_DATA'] === undefined || !existsSync(PHOTOS)) this.skip();
  });

  it('in short gives the same bytes twice, also where it was killed and resumed', () =>
    withFolder(async (folder) => {
      const data = join(folder, 'photos');
      for (const wnid of (await readdir(PHOTOS)).sort().slice(0, CLASSES)) {
        await mkdir(join(data, wnid), { recursive: true });
        for (const name of (await readdir(join(PHOTOS, wnid, 'images'))).sort().slice(0, IMAGES))
          await copyFile(join(PHOTOS, wnid, 'images', name), join(data, wnid, name));
      }
      const args = (out: string): string[] => [
        ...['train', 'folder', '--data', data, '--recipe', 'backbone.yaml', '--epochs', String(EPOCHS)],
        ...['--checkpoint-every', '2', '--out', join(folder, out)],
      ];
      const whole = await verydeep(args('whole'));
      assert.equal(whole.code, 0, whole.stderr);

      const killed = spawn(process.execPath, [join(root, 'dist/src/cli/main.js'), ...args('killed')]);
      const ended = new Promise((resolve) => killed.on('close', (_, signal) => resolve(signal)));
      const net = join(folder, 'killed', 'builtin');
      while (!existsSync(join(net, 'checkpoint.safetensors')) && killed.exitCode === null) await pause(20);
      killed.kill('SIGKILL');
      assert.equal(await ended, 'SIGKILL');
      assert.ok(!existsSync(join(net, 'backbone.safetensors')));
      const resumed = await verydeep([...args('killed'), '--resume']);
      assert.equal(resumed.code, 0, resumed.stderr);

      const file = join(folder, 'whole', 'builtin', 'backbone.safetensors');
      assert.equal(await sha256OfFile(join(net, 'backbone.safetensors')), await sha256OfFile(file));
      const { architecture, seen } = (await openBackbone(file)).metadata;
      assert.deepEqual([architecture.width, architecture.blocks, architecture.inputSize], [0.5, 4, 48]);
      assert.deepEqual([seen?.training, seen?.validation], [CLASSES * 38, CLASSES * 2]);
    }));
});
