import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import sharp from 'sharp';
import { root, withFolder } from '../support.js';

/** What a user could write: trains a net on a folder of images, then the first program of the documentation. */
const program = `
import { LinearSvm, describe, openDataset, openNet, trainBackbone } from 'verydeep';
const photos = await openDataset('folder', 'photos');
const { result } = await trainBackbone(
  { classes: photos.classes, train: photos.items(), validation: [] },
  { out: 'net', width: 0.0625, blocks: 2, inputSize: 16, fullyConnected: 16, init: 'he', epochs: 2, batch: 8, threads: 1 },
);
if (result.backbone === undefined) throw new Error('interrupted');
const net = await openNet(result.backbone, { threads: 1 });
const x = await describe(net, photos, { recipe: { scales: [16] } });
const svm = await LinearSvm.fit(x);
const answer = await svm.predict(net, 'photos/red/3.png');
process.stdout.write(
  JSON.stringify({ rows: x.rows, epochs: result.history.length, loss: result.history.at(-1)?.loss, answer }),
);
`;

/** Runs a program in a folder; onnxruntime-node's download of CUDA files is left out. */
const run = (command: string, args: readonly string[], cwd: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`));
    });
  });

const makePhotos = async (folder: string): Promise<void> => {
  for (const [name, background] of [
    ['red', '#c03020'],
    ['blue', '#2030c0'],
  ] as const) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < 8; i++) {
      await sharp({ create: { width: 20 + i, height: 24, channels: 3, background } })
        .png()
        .toFile(join(folder, name, `${i}.png`));
    }
  }
};

describe('the package', () => {
  it('packed and installed into an empty project gives the command and the typed library', async () => {
    await withFolder(async (folder) => {
      const packed = await run(
        'npm',
        ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
        root,
      );
      const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
      const paths = files.map(({ path }) => path);
      assert.ok(paths.includes('dist/src/cli/main.js') && paths.includes('recipes/paper.yaml'));
      assert.deepEqual(
        paths.filter((path) => /^(src|test|dist\/test|dist\/benchmarks\/(speed|demo))\//.test(path)),
        [],
      );
      await writeFile(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
      await run(
        'npm',
        [
          'install',
          '--no-audit',
          '--no-fund',
          '--prefer-offline',
          `./${filename}`,
          'typescript@6.0.3',
          '@types/node@20',
        ],
        folder,
      );
      const doctor = JSON.parse(await run('npx', ['verydeep', 'doctor', '--json'], folder)) as {
        chosen?: string;
      };
      assert.ok('engines' in doctor, JSON.stringify(doctor));
      await makePhotos(join(folder, 'photos'));
      await writeFile(join(folder, 'program.ts'), program);
      const strict = [
        '--strict',
        '--exactOptionalPropertyTypes',
        '--noUncheckedIndexedAccess',
        '--module',
        'NodeNext',
        '--target',
        'ES2023',
      ];
      // Without skipLibCheck: the package's own types lead to none of its dependencies.
      await run('npx', ['tsc', ...strict, '--types', 'node', 'program.ts'], folder);
      const outcome = JSON.parse(await run('node', ['program.js'], folder)) as {
        rows: number;
        epochs: number;
        loss: number;
        answer: { class: string; scores: Record<string, number> };
      };
      assert.deepEqual({ rows: outcome.rows, epochs: outcome.epochs }, { rows: 16, epochs: 2 });
      assert.ok(Number.isFinite(outcome.loss));
      assert.equal(outcome.answer.class, 'red');
      assert.deepEqual(Object.keys(outcome.answer.scores).sort(), ['blue', 'red']);
      // The types are real ones: a wrong option does not compile.
      await writeFile(join(folder, 'wrong.ts'), program.replace('epochs: 2', "epochs: 'two'"));
      await assert.rejects(
        run('npx', ['tsc', ...strict, '--skipLibCheck', '--noEmit', '--types', 'node', 'wrong.ts'], folder),
        /string.*not assignable/,
      );
    });
  });
});
