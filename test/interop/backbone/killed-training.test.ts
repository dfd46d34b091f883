import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256OfFile } from '../../../src/io/files.js';
import { Random } from '../../../src/random.js';
import { root as project, verydeep, withFolder } from '../../support.js';
import { colourImages } from '../../backbone/tf.js';

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What is kept between steps depends on these. */
const variants: Readonly<Record<string, readonly string[]>> = {
  'as in the paper': [],
  'with batch normalisation, an average of weights, a warm-up and smoothed labels': [
    ...['--batch-norm', '--average-weights', '0.9', '--label-smoothing', '0.1'],
    ...['--schedule', 'cosine', '--warm-up', '2.5'],
  ],
};

describe('training that is killed', () => {
  const endsAlike = (more: readonly string[]): Promise<void> =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 12, {
        red: [220, 30, 30],
        green: [30, 200, 60],
        blue: [20, 40, 230],
      });
      const args = [
        ...[
          'train',
          'folder',
          '--data',
          join(root, 'data'),
          '--width',
          '0.0625',
          '--blocks',
          '2',
          '--input-size',
          '8',
        ],
        ...['--fully-connected', '8', '--batch', '4', '--micro-batch', '3', '--epochs', '30', '--init', 'he'],
        ...['--train-side', '9-12', '--checkpoint-every', '3', '--workers', '1', '--threads', '1', '--quiet'],
        ...more,
      ];
      const whole = await verydeep([...args, '--out', join(root, 'whole')]);
      assert.equal(whole.code, 0, whole.stderr);
      const wanted = await sha256OfFile(join(root, 'whole', 'backbone.safetensors'));

      const out = join(root, 'out');
      const stepsDone = async () =>
        (await readFile(join(out, 'log.jsonl'), 'utf8').catch(() => '')).split('\n').length;
      const random = new Random('kill', Date.now());
      let kills = 0;
      for (let attempt = 0; ; attempt++) {
        assert.ok(attempt < 40, 'it never ends');
        const before = await stepsDone();
        const child = spawn(
          process.execPath,
          [join(project, 'dist/src/cli/main.js'), ...args, '--out', out, '--resume'],
          {
            stdio: 'ignore',
          },
        );
        const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
        const target = before + 5 + random.below(60);
        while (child.exitCode === null && (await stepsDone()) < target) await wait(2);
        if (kills < 5) {
          await wait(random.below(30));
          if (child.exitCode === null) child.kill('SIGKILL');
        }
        const code = await closed;
        if (code === 0) break;
        assert.equal(code, null, 'killed, not failed');
        kills++;
      }
      assert.ok(kills >= 3, `${kills} kills`);
      assert.equal(await sha256OfFile(join(out, 'backbone.safetensors')), wanted);
      const lines = (await readFile(join(out, 'log.jsonl'), 'utf8')).trim().split('\n');
      const steps = lines
        .map((line) => JSON.parse(line) as { kind?: string; step: number })
        .filter(({ kind }) => kind !== 'epoch');
      assert.deepEqual(
        steps.map(({ step }) => step),
        steps.map((_, i) => i + 1),
        'every step is logged once',
      );
      assert.ok((await readdir(out)).includes('report.html'));
    });

  for (const [name, more] of Object.entries(variants))
    it(`ends with the same bytes as an undisturbed run, whenever kill -9 strikes, ${name}`, () =>
      endsAlike(more)).timeout(600_000);
});
