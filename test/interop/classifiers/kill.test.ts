// Training that is killed with -9 in the middle and resumed ends with the SVMs of an undisturbed run, by every solver.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Results } from '../../../benchmarks/protocol/results.js';
import { Random } from '../../../src/random.js';
import { clusters, makeStore } from '../../benchmarks/stores.js';
import { root, withFolder } from '../../support.js';

/** Files of the checkpoint folder at which a run is killed, a moment later. */
const KILLS = [1, 3, 5];

describe('interop/classifiers/kill', function () {
  this.timeout(300_000);

  for (const flags of [
    ['--solver', 'dual'],
    ['--solver', 'primal'],
    ['--solver', 'libsvm', '--bias', 'unregularised'],
  ])
    it(`ends with the same bytes: ${flags.join(' ')}`, () =>
      withFolder(async (folder) => {
        const rows = clusters(['ant', 'bee', 'cat', 'dog'], 100, 0.8, 1, 64);
        const store = await makeStore(join(folder, 'features'), rows);
        const start = (out: string) => {
          const child = spawn(
            process.execPath,
            [join(root, 'dist/src/cli/main.js'), 'evaluate', 'folder', '--features', store].concat(
              [
                '--train-per-class',
                '80',
                '--splits',
                '1',
                '--c-grid',
                '0.1,1,10',
                '--save-models',
                '--calibrate',
                '--threads',
                '1',
              ],
              ['--quiet', '--resume', ...flags, '--out', join(folder, out)],
            ),
            { stdio: ['ignore', 'ignore', 'inherit'] },
          );
          return { child, ended: new Promise<number | null>((resolve) => child.once('exit', resolve)) };
        };
        assert.equal(await start('whole').ended, 0);

        const random = new Random('kill', Date.now());
        const kept = async (): Promise<number> => {
          const names = await readdir(join(folder, 'killed', 'svm'), { recursive: true }).catch(() => []);
          return names.filter((name) => name.endsWith('.safetensors')).length;
        };
        for (const files of KILLS) {
          const { child, ended } = start('killed');
          while (child.exitCode === null && (await kept()) < files) await sleep(2);
          await sleep(10 * random.uniform());
          assert.ok(child.kill('SIGKILL'), `it ended before there were ${files} files`);
          await ended;
          assert.ok((await kept()) >= files);
        }
        assert.equal(await start('killed').ended, 0);

        const results = async (out: string): Promise<string> => {
          const { run, ...rest } = JSON.parse(
            await readFile(join(folder, out, 'results.json'), 'utf8'),
          ) as Results;
          assert.ok(run.command.includes('--resume'));
          return JSON.stringify(rest);
        };
        assert.equal(await results('killed'), await results('whole'));
        const model = (out: string) => readFile(join(folder, out, 'models', 'split-1.safetensors'));
        assert.deepEqual(await model('killed'), await model('whole'));
      }));
});
