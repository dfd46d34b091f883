// What happens to the files during an extraction: images that vanish or may not be read, a disk that fills up.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { root, verydeep, withFolder } from '../../support.js';
import { pictures, randomBackbone } from '../nets.js';

const extractArguments = (folder: string, out: string): string[] => [
  ...['extract', 'folder', '--data', join(folder, 'images'), '--backbone', join(folder, 'net.safetensors')],
  ...['--scales', '32', '--threads', '1', '--out', out],
];

describe('an extraction disturbed', () => {
  it('skips images that vanish after they were listed, with the reason, and describes the others', () =>
    withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 70);
      const net = join(folder, 'net.safetensors');
      await randomBackbone(net);
      let removed: Promise<void> | undefined;
      const { store, skipped } = await extractFeatures(
        items,
        [net],
        { scales: [32] },
        {
          out: join(folder, 'out'),
          threads: 1,
          onProgress: ({ task }) => {
            if (task === 'extract') removed ??= rm(items[69]!.source.file);
          },
        },
      );
      await removed;
      assert.deepEqual(
        skipped.map(({ path, reason }) => [path, reason]),
        [[items[69]!.path, 'there is no such file']],
      );
      assert.equal(store.rows, 69);
    }));

  it('skips what it may not read, ends with 3, and writes the reason to skipped.csv', async function () {
    if (process.platform === 'win32') this.skip(); // Permissions of another kind.
    await withFolder(async (folder) => {
      const items = await pictures(join(folder, 'images'), 4);
      await randomBackbone(join(folder, 'net.safetensors'));
      await chmod(items[2]!.source.file, 0);
      const out = join(folder, 'out');
      // Root may read everything: another user runs then.
      const isRoot = process.getuid?.() === 0;
      await mkdir(out);
      if (isRoot) execFileSync('chmod', ['-R', 'a+rwX', folder]);
      if (isRoot) await chmod(items[2]!.source.file, 0);
      const { status, stderr } = spawnSync(
        process.execPath,
        [join(root, 'dist/src/cli/main.js'), ...extractArguments(folder, out)],
        {
          encoding: 'utf8',
          ...(isRoot ? { uid: 65534, gid: 65534, env: { PATH: process.env['PATH'] } } : {}),
        },
      );
      assert.equal(status, 3, stderr);
      assert.match(
        await readFile(join(out, 'skipped.csv'), 'utf8'),
        new RegExp(`${items[2]!.path},${items[2]!.path},permission to read it is denied`),
      );
    });
  });

  it('stops when the disk is full, says so, and ends with the bytes of an undisturbed run once there is room', async function () {
    const canMount = process.platform === 'linux' && process.getuid?.() === 0;
    await withFolder(async (folder) => {
      await pictures(join(folder, 'images'), 200);
      await randomBackbone(join(folder, 'net.safetensors'));
      const small = join(folder, 'small');
      await mkdir(small);
      const mounted =
        canMount && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]).status === 0;
      if (!mounted) {
        process.stdout.write('      skipped: only root may mount a small disk\n');
        this.skip();
      }
      try {
        const full = await verydeep(extractArguments(folder, join(small, 'out')));
        assert.equal(full.code, 1, full.stderr);
        assert.match(
          full.stderr,
          /Cannot write .*: the disk is full; free some space and run again with --resume/,
        );
        execFileSync('mount', ['-o', 'remount,size=8m', small]);
        const resumed = await verydeep([...extractArguments(folder, join(small, 'out')), '--resume']);
        assert.equal(resumed.code, 0, resumed.stderr);
        const once = await verydeep(extractArguments(folder, join(folder, 'once')));
        assert.equal(once.code, 0, once.stderr);
        const parts = async (where: string): Promise<string[]> =>
          (await readdir(where)).filter((name) => !['run.json', 'skipped.csv'].includes(name)).sort();
        assert.deepEqual(await parts(join(small, 'out')), await parts(join(folder, 'once')));
        for (const name of await parts(join(folder, 'once')))
          assert.deepEqual(
            await readFile(join(small, 'out', name)),
            await readFile(join(folder, 'once', name)),
            name,
          );
      } finally {
        execFileSync('umount', [small]);
      }
    });
  });

  it('tells with --json how many seconds are left', () =>
    withFolder(async (folder) => {
      await pictures(join(folder, 'images'), 6);
      await randomBackbone(join(folder, 'net.safetensors'));
      const { code, stderr, stdout } = await verydeep([
        ...extractArguments(folder, join(folder, 'out')),
        '--json',
      ]);
      assert.equal(code, 0, stderr);
      JSON.parse(stdout);
      const events = stderr
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map(
          (line) =>
            JSON.parse(line) as {
              task: string;
              done: number;
              secondsLeft: number;
              figures: Record<string, number>;
            },
        )
        .filter(({ task }) => task === 'extract');
      assert.ok(events.length >= 2);
      const [first, last] = [events[0]!, events.at(-1)!];
      // By the rate so far.
      assert.ok(first.secondsLeft > 0);
      const expected = (6 - first.done) / first.figures['images/s']!;
      assert.ok(Math.abs(first.secondsLeft - expected) < 1e-6 + 0.01 * expected);
      assert.equal(last.secondsLeft, 0);
    }));
});
