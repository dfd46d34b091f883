// Nothing is lost whatever happens: several processes on one folder, killed with -9 in the middle, started again.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyFeatures } from '../../src/features/store/verify.js';
import { Random } from '../../src/random.js';
import { root, withFolder } from '../support.js';
import { pictures, randomBackbone, small } from '../features/nets.js';

const SHARDS = 3;
const PARTS = 7; // of 410 images

const partsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.arrow')).sort();

/** Numbers of the parts of a shard that are in place. */
const ofShard = async (folder: string, shard: number): Promise<number> =>
  (await partsIn(folder)).filter((name) => Number(name.slice(17, 23)) % SHARDS === shard).length;

const partsOf = (shard: number): number => Math.ceil((PARTS - shard) / SHARDS);

describe('interop/extraction-kill', function () {
  this.timeout(120_000);

  it('ends with the bytes of a single run', () =>
    withFolder(async (folder) => {
      const data = join(folder, 'images');
      await pictures(data, 410);
      const net = join(folder, 'net.safetensors');
      // Wide enough that a part takes a while.
      await randomBackbone(net, small({ width: 1 / 4 }));
      const [single, shared] = [join(folder, 'single'), join(folder, 'shared')];
      const start = (out: string, ...more: string[]): ChildProcess =>
        spawn(
          process.execPath,
          [
            join(root, 'dist/src/cli/main.js'),
            'extract',
            'folder',
            '--data',
            data,
            '--backbone',
            net,
            '--out',
            out,
          ]
            .concat(['--scales', '48,64', '--threads', '1', '--quiet'])
            .concat(more),
          { stdio: 'ignore' },
        );
      const ended = (child: ChildProcess) =>
        new Promise<{ code: number | null; signal: string | null }>((resolve) =>
          child.once('exit', (code, signal) => resolve({ code, signal })),
        );
      const random = new Random('kill', Date.now());

      /** Starts a shard and kills it at a random instant between its first part and its last. */
      const killed = async (shard: number): Promise<void> => {
        const child = start(shared, '--shard', `${shard}/${SHARDS}`, '--resume');
        const end = ended(child);
        const before = await ofShard(shared, shard);
        while ((await ofShard(shared, shard)) <= before && child.exitCode === null) await sleep(3);
        await sleep(random.uniform() * 30);
        child.kill('SIGKILL');
        const { signal } = await end;
        assert.equal(signal, 'SIGKILL', `shard ${shard} was killed, it did not end by itself`);
        const after = await ofShard(shared, shard);
        assert.ok(after > 0 && after < partsOf(shard), `in the middle: ${after} of ${partsOf(shard)} parts`);
      };

      const alone = ended(start(single));
      await Promise.all([killed(0), killed(1), killed(2)]);
      // All again at once, the first shard by two processes.
      const codes = await Promise.all(
        [0, 0, 1, 2].map((shard) => ended(start(shared, '--shard', `${shard}/${SHARDS}`, '--resume'))),
      );
      assert.deepEqual(
        codes.map(({ code }) => code),
        [0, 0, 0, 0],
      );
      assert.equal((await alone).code, 0);

      const names = await partsIn(single);
      assert.equal(names.length, PARTS);
      assert.deepEqual(await partsIn(shared), names);
      for (const name of names)
        assert.deepEqual(await readFile(join(shared, name)), await readFile(join(single, name)), name);
      assert.deepEqual((await verifyFeatures([shared])).problems, []);
    }));
});
