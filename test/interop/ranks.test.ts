// Training on several ranks, under Open MPI's and MPICH's launchers: the same bytes as alone, and what all ranks say and do where one fails.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { openSafetensors } from '../../src/formats/safetensors.js';
import { sha256OfFile } from '../../src/io/files.js';
import { colourImages } from '../backbone/tf.js';
import { type Exercised, expectedSum, hash } from '../engine/communicator/exercise.js';
import { root, withFolder } from '../support.js';
import { type Mpi, launch, mpis, needs, program, sharedFiles } from './ranks/launch.js';

const exercise = join(root, 'dist/test/engine/communicator/rank.js');
const [failing, training] = [program('failing-rank'), program('train-rank')];
const here = hostname();

const exercised = (stdout: string): Exercised[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Exercised)
    .sort((a, b) => a.rank - b.rank);

/** Weights, log and checkpoint of a run, as one hash each. */
const bytesOf = (out: string): Promise<string[]> =>
  Promise.all(
    ['backbone.safetensors', 'checkpoint.safetensors', 'log.jsonl'].map((name) =>
      sha256OfFile(join(out, name)),
    ),
  );

describe('ranks', function () {
  this.timeout(300_000);
  let files: string[];
  before(() => (files = sharedFiles()));
  after(() => assert.deepEqual(sharedFiles(), files, 'nothing is left in /dev/shm'));

  for (const mpi of mpis) {
    describe(`under ${mpi}`, () => {
      beforeEach(function () {
        needs(this, mpi);
      });

      it('exchange values, arrays and sums that are those of one process to the last bit', async () => {
        for (const size of mpi === 'openmpi' ? [2, 4] : [2]) {
          const { code, stdout } = await launch(mpi, size, [exercise]);
          assert.equal(code, 0);
          const all = exercised(stdout);
          assert.deepEqual(
            all.map(({ rank, sum }) => [rank, sum]),
            Array.from({ length: size }, (_, rank) => [rank, hash(expectedSum())]),
          );
          assert.equal(new Set(all.map(({ broadcast }) => broadcast)).size, 1);
        }
      });

      const fails = (how: string, lines: readonly string[], code: (code: number) => boolean): void => {
        it(`end where one ${how}s, and say which`, async () => {
          const ended = await launch(mpi, 3, [failing, how, '2'], { limit: 60 });
          assert.ok(ended.seconds < 50, `${ended.seconds} s`);
          assert.ok(code(ended.code ?? 128), `${ended.code}`);
          for (const line of ended.lines) assert.ok(lines.includes(line), line);
          // MPICH's launcher kills the others at once where a process is killed: they may have no time to say it.
          const least = mpi === 'mpich' && ['kill', 'leave'].includes(how) ? 0 : 2;
          assert.ok(ended.lines.length >= least, ended.lines.join('\n'));
        });
      };
      const failed = (code: number): boolean => code > 0;
      fails('kill', [`verydeep: rank 1 on ${here} ended early.`], failed);
      fails('leave', [`verydeep: rank 1 on ${here} ended early.`], failed);
      fails('throw', [`verydeep: rank 1 on ${here}: unexpected error: it broke`], failed);
      fails('stop', [`verydeep: rank 1 on ${here} has given no sign of life for 2 s.`], failed);
    });
  }

  describe('that train', () => {
    const prepared = (use: (data: string, folder: string) => Promise<void>): Promise<void> =>
      withFolder(async (folder) => {
        const data = join(folder, 'data');
        await colourImages(data, 8, { red: [220, 30, 30], green: [30, 200, 60], blue: [20, 40, 230] });
        await writeFile(join(data, 'red', 'bad.jpg'), 'no image');
        await use(data, folder);
      });
    const alone = (...args: readonly string[]): void => {
      const { status, stderr } = spawnSync(process.execPath, [training, ...args], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    };
    const under = async (mpi: Mpi, ranks: number, args: readonly string[]): Promise<void> => {
      const { code, lines } = await launch(mpi, ranks, [training, ...args]);
      assert.equal(code, 0, lines.join('\n'));
    };

    it('give the bytes of one process: dropout, batch normalisation, a short batch and an unreadable image included', () =>
      prepared(async (data, folder) => {
        alone(data, join(folder, 'one'));
        const expected = await bytesOf(join(folder, 'one'));
        const file = await openSafetensors(join(folder, 'one', 'checkpoint.safetensors'));
        await file.close();
        const { state } = JSON.parse(file.metadata['verydeepTraining']!) as { state: { skipped: unknown[] } };
        assert.equal(state.skipped.length, 1);
        for (const [mpi, ranks] of [
          ['openmpi', 2],
          ['mpich', 4],
        ] as const) {
          const out = join(folder, `${mpi}-${ranks}`);
          await under(mpi, ranks, [data, out]);
          assert.deepEqual(await bytesOf(out), expected, `${mpi}, ${ranks} ranks`);
        }
        const threads = join(folder, 'threads');
        alone(data, threads, JSON.stringify({ ranks: 4 }));
        assert.deepEqual(await bytesOf(threads), expected, 'threads');
      }));

    it('finish the step when the launcher is told to stop, and go on with another number of ranks to the same bytes', () =>
      prepared(async (data, folder) => {
        const epochs = 30;
        alone(data, join(folder, 'one'), JSON.stringify({ epochs }));
        const out = join(folder, 'out');
        let isTold = false;
        const options = (more: object = {}): string => JSON.stringify({ epochs, ...more });
        const ended = await launch('openmpi', 2, [training, data, out, options()], {
          onText: (text, kill) => {
            if (!isTold && text.includes('ready')) kill('SIGUSR2');
            isTold ||= text.includes('ready');
          },
        });
        assert.equal(ended.code, 130, ended.lines.join('\n'));
        assert.ok(!existsSync(join(out, 'backbone.safetensors')));
        await under('mpich', 4, [data, out, options({ resume: true })]);
        assert.equal(
          await sha256OfFile(join(out, 'backbone.safetensors')),
          await sha256OfFile(join(folder, 'one', 'backbone.safetensors')),
        );
      }));

    it('refuse a rank with another seed or without the images, and name it', () =>
      prepared(async (data, folder) => {
        const seeded = await launch('openmpi', 2, [
          ...[training, data, join(folder, 'a')],
          JSON.stringify({ seeds: [1, 2] }),
        ]);
        assert.ok(seeded.code !== 0);
        assert.match(
          seeded.lines[0]!,
          /rank 1 on .* has another run than rank 0 on .*: --seed was 1, is 2\./,
        );
        const lost = await launch('mpich', 2, [training, data, join(folder, 'b')], {
          env: { OTHER_DATA: join(folder, 'nowhere') },
        });
        assert.ok(lost.code !== 0);
        assert.match(lost.lines[0]!, new RegExp(`rank 1 on ${here}: .*nowhere`));
        assert.equal(new Set(lost.lines).size, 1);
      }));

    it("end where rank 0's disk is full", function () {
      return withFolder(async (folder) => {
        const disk = join(folder, 'disk');
        await mkdir(disk);
        if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status !== 0) {
          this.test!.title += ' (mounting is not permitted here)';
          this.skip();
        }
        try {
          const data = join(folder, 'data');
          await colourImages(data, 8, { red: [220, 30, 30], green: [30, 200, 60] });
          const ended = await launch('openmpi', 2, [training, data, join(disk, 'out')]);
          assert.ok(ended.code !== 0);
          assert.match(ended.lines[0]!, /rank 0 on .*: Cannot write .*(full|space)/i);
          assert.equal(new Set(ended.lines).size, 1);
        } finally {
          spawnSync('umount', [disk]);
        }
      });
    });
  });
});
