// Training that is killed with -9 at random instants and resumed ends with the SVMs of an undisturbed run, by every solver.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Results } from '../../../benchmarks/results.js';
import { Random } from '../../../src/random.js';
import { clusters, makeStore } from '../../benchmarks/stores.js';
import { root, withFolder } from '../../support.js';

const KILLS = 4;

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
              ['--train-per-class', '80', '--splits', '2', '--save-models', '--calibrate', '--threads', '1'],
              ['--quiet', '--resume', ...flags, '--out', join(folder, out)],
            ),
            { stdio: ['ignore', 'ignore', 'inherit'] },
          );
          return { child, ended: new Promise<number | null>((resolve) => child.once('exit', resolve)) };
        };
        const began = performance.now();
        assert.equal(await start('whole').ended, 0);
        const whole = performance.now() - began;

        const random = new Random('kill', Date.now());
        let [killed, most] = [0, 0];
        for (let i = 0; i < KILLS; i++) {
          const { child, ended } = start('killed');
          await Promise.race([sleep((0.2 + 0.7 * random.uniform()) * whole), ended]);
          if (child.kill('SIGKILL')) killed++;
          await ended;
          const kept = await readdir(join(folder, 'killed', 'svm'), { recursive: true }).catch(() => []);
          most = Math.max(most, kept.filter((name) => name.endsWith('.safetensors')).length);
        }
        assert.ok(killed > 0 && most > 0, `${killed} runs killed, ${most} files kept`);
        assert.equal(await start('killed').ended, 0);

        const results = async (out: string): Promise<string> => {
          const { run, ...rest } = JSON.parse(
            await readFile(join(folder, out, 'results.json'), 'utf8'),
          ) as Results;
          assert.ok(run.command.includes('--resume'));
          return JSON.stringify(rest);
        };
        assert.equal(await results('killed'), await results('whole'));
        for (const split of [1, 2]) {
          const model = (out: string) => readFile(join(folder, out, `models/split-${split}.safetensors`));
          assert.deepEqual(await model('killed'), await model('whole'), `the SVMs of split ${split}`);
        }
      }));
});
