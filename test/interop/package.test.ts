import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { root, withFolder } from '../support.js';
import { type Doctor, checkReports, installCommand, makePhotos, packInto, quick } from './installed.js';
import { npmProgram, strictRunner, withRegistryOnly } from './npm.js';

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

describe('the package', function () {
  this.timeout(900_000);

  it('holds what its pages link to, and an address for bugs', () =>
    withFolder(async (folder) => {
      const { files } = await packInto(folder);
      assert.ok(files.includes('dist/src/cli/main.js') && files.includes('recipes/paper.yaml'));
      for (const name of ['builtin.safetensors', 'NOTICE.md', 'README.md'])
        assert.ok(files.includes(`weights/${name}`), name);
      assert.deepEqual(
        files.filter((path) => /^(src|test|dist\/test|dist\/benchmarks\/(speed|demo))\//.test(path)),
        [],
      );
      const pages = files.filter((path) => path.endsWith('.md'));
      assert.ok(pages.length > 15, pages.join());
      for (const page of pages) {
        const text = await readFile(join(root, page), 'utf8');
        for (const [, link] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
          if (/^https?:/.test(link!)) continue;
          const target = posix.join(posix.dirname(page), link!);
          const there = files.some((file) => file === target || file.startsWith(`${target}/`));
          assert.ok(there, `${page} links to ${link!}, which is not in the package`);
        }
      }
    }));

  it('installed by the command of the README with npm 10, where only the registry is reached, gives the command and the typed library', () =>
    withFolder((folder) =>
      withRegistryOnly(async (network, refused) => {
        const { tarball } = await packInto(folder);
        const run = strictRunner(folder, network);
        const [, ...install] = installCommand(tarball);
        await run('node', npmProgram(10), ...install, ...quick, 'typescript@6.0.3', '@types/node@20');
        assert.deepEqual(refused, []);
        const doctor = JSON.parse(await run('npx', 'verydeep', 'doctor', '--json')) as Doctor;
        assert.ok(doctor.chosen !== null, JSON.stringify(doctor));
        await makePhotos(join(folder, 'photos'));
        await writeFile(join(folder, 'program.ts'), program);
        const strict = [
          ...['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'],
          ...['--module', 'NodeNext', '--target', 'ES2023'],
        ];
        // Without skipLibCheck: the package's own types lead to none of its dependencies.
        await run('npx', 'tsc', ...strict, '--types', 'node', 'program.ts');
        const outcome = JSON.parse(await run('node', 'program.js')) as {
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
          run('npx', 'tsc', ...strict, '--skipLibCheck', '--noEmit', '--types', 'node', 'wrong.ts'),
          /string.*not assignable/,
        );
        // With the versions that npm resolves today, not those of the lock file.
        await checkReports(folder, run);
      }),
    ));
});
