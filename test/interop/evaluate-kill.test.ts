// A benchmark killed with -9 at random instants and resumed ends with the results of an undisturbed run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Results } from '../../benchmarks/protocol/results.js';
import { Random } from '../../src/random.js';
import { randomBackbone, small } from '../features/nets.js';
import { makeCaltech } from '../fixtures/datasets/caltech.js';
import { root, withFolder } from '../support.js';

const KILLS = 6;

describe('interop/evaluate-kill', function () {
  this.timeout(120_000);

  it('ends with the bytes of results.json (but for its `run`) and results.csv', () =>
    withFolder(async (folder) => {
      await makeCaltech(101, folder, { perClass: 36 });
      const net = join(folder, 'E.safetensors');
      await randomBackbone(net, small({ config: 'E' }));
      const start = (out: string) => {
        const child = spawn(
          process.execPath,
          [join(root, 'dist/src/cli/main.js'), 'evaluate', 'caltech101', '--data', folder].concat(
            ['--backbone', net, '--save-models', '--threads', '1', '--quiet', '--resume'],
            ['--out', join(folder, out)],
          ),
          { stdio: 'ignore' },
        );
        return { child, ended: new Promise<number | null>((resolve) => child.once('exit', resolve)) };
      };
      const began = performance.now();
      assert.equal(await start('whole').ended, 0);
      const whole = performance.now() - began;

      const random = new Random('kill', Date.now());
      let killed = 0;
      for (let i = 0; i < KILLS; i++) {
        const { child, ended } = start('killed');
        await Promise.race([sleep(random.uniform() * whole), ended]);
        if (child.kill('SIGKILL')) killed++;
        await ended;
      }
      assert.ok(killed > 0);
      assert.equal(await start('killed').ended, 0);

      const text = (out: string, name: string) => readFile(join(folder, out, name), 'utf8');
      const results = async (out: string): Promise<string> => {
        const { run, ...rest } = JSON.parse(await text(out, 'results.json')) as Results;
        assert.ok(run.command.includes('--resume'));
        return JSON.stringify(rest);
      };
      assert.equal(await results('killed'), await results('whole'));
      assert.equal(await text('killed', 'results.csv'), await text('whole', 'results.csv'));
      for (const split of [1, 2, 3]) {
        const model = (out: string) => readFile(join(folder, out, `models/split-${split}.safetensors`));
        assert.deepEqual(await model('killed'), await model('whole'), `the SVMs of split ${split}`);
      }
    }));
});
