import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import sharp from 'sharp';
import { root, withFolder } from '../support.js';
import { copyAsCloned, npmProgram, runner, strictRunner, withRegistryOnly } from './npm.js';

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

/** Eight images of each of two classes; another `green` gives other images. */
const makePhotos = async (folder: string, green = 0): Promise<void> => {
  for (const [name, r, b] of [
    ['red', 192, 32],
    ['blue', 32, 192],
  ] as const) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < 8; i++) {
      const background = { r, g: 48 + green + i, b };
      await sharp({ create: { width: 20 + i, height: 24, channels: 3, background } })
        .png()
        .toFile(join(folder, name, `${i}.png`));
    }
  }
};

/** The command of the README that installs the package, with the tarball in place of its name. */
const installCommand = (tarball: string): string[] => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [command] = /npm install [^\n`#]*\bverydeep\b/.exec(readme)!;
  return command.split(' ').map((word) => (word === 'verydeep' ? `./${tarball}` : word));
};

/** Packs the project into a folder that is an empty project of a user; gives the tarball's name and its files. */
const packInto = async (folder: string): Promise<{ tarball: string; files: string[] }> => {
  await writeFile(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
  const packed = await strictRunner(root)(
    ...['npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', folder],
  );
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  return { tarball: filename, files: files.map(({ path }) => path) };
};

const quick = ['--no-audit', '--no-fund', '--prefer-offline'];

interface Doctor {
  readonly chosen: string | null;
  readonly engines: readonly { readonly notes: readonly string[]; readonly fix?: string }[];
}

/** The texts of a drawing's legends. */
const legendsOf = (html: string): string[] =>
  html
    .split('role-legend-label')
    .slice(1)
    .map((text) => /<text[^>]*>([^<]*)</.exec(text)![1]!);

/** Trains and evaluates with the installed command; the legends of both reports name their lines. */
const checkReports = async (
  folder: string,
  run: (command: string, ...args: string[]) => Promise<string>,
  name = 'runs',
): Promise<void> => {
  const [trained, evaluated] = [`${name}/net`, `${name}/result`];
  await makePhotos(join(folder, 'others'), 9); // A net is not tested on the images that trained it.
  const net = ['--width', '0.0625', '--blocks', '2', '--input-size', '16', '--fully-connected', '16'];
  const recipe = ['--init', 'he', '--epochs', '2', '--batch', '8', '--threads', '1', '--quiet'];
  await run('npx', 'verydeep', 'train', 'folder', '--data', 'photos', ...net, ...recipe, '--out', trained);
  const protocol = ['--splits', '2', '--train-per-class', '4', '--scales', '16', '--threads', '1', '--quiet'];
  const backbone = ['--backbone', `${trained}/backbone.safetensors`];
  await run(
    ...['npx', 'verydeep', 'evaluate', 'folder', '--data', 'others', ...backbone, ...protocol],
    ...['--out', evaluated],
  );
  const legends = async (report: string) => legendsOf(await readFile(join(folder, report), 'utf8'));
  assert.deepEqual(
    (await legends(`${trained}/report.html`)).sort(),
    ['top-1, training', 'top-1, validation', 'top-5, training', 'top-5, validation'].sort(),
  );
  assert.deepEqual(await legends(`${evaluated}/report.html`), ['split 1', 'split 2']);
};

describe('the package', function () {
  this.timeout(900_000);

  it('holds what its pages link to, and an address for bugs', () =>
    withFolder(async (folder) => {
      const { files } = await packInto(folder);
      assert.ok(files.includes('dist/src/cli/main.js') && files.includes('recipes/paper.yaml'));
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

  it('installed without a flag by npm 11, where only the registry is reached, says what to run, and that is enough', () =>
    withFolder((folder) =>
      withRegistryOnly(async (network, refused) => {
        const { tarball } = await packInto(folder);
        const [run, strict] = [runner(folder, network), strictRunner(folder, network)];
        const npm = (...args: string[]) => strict('node', npmProgram(11), ...args, ...quick);
        await npm('install', `./${tarball}`);
        await makePhotos(join(folder, 'photos'));
        const fix = `run "npm install --ignore-scripts --include=optional" in ${folder}`;
        if (refused.includes('api.nuget.org')) {
          const doctor = await run('npx', 'verydeep', 'doctor', '--json');
          assert.equal((JSON.parse(doctor.stdout) as Doctor).engines[0]!.fix, fix);
          const first = await run('npx', 'verydeep', 'train', 'folder', '--data', 'photos', '--out', 'x');
          assert.match(first.stderr, /onnxruntime-node is not installed/);
          assert.ok(first.stderr.includes(fix), first.stderr);
          assert.equal(first.code, 1);
        }
        await npm('install', '--ignore-scripts', '--include=optional');
        await checkReports(folder, strict);
        // Node 20 is given an older version of Vega-Lite than Node 22 and later: the newest, too.
        await npm('install', '--ignore-scripts', 'vega-lite@latest');
        await checkReports(folder, strict, 'newest');
      }),
    ));

  it('is installed by `npm ci` in a clone with npm 10, where only the registry is reached, and npm 11 knows all of its settings', () =>
    withFolder((folder) =>
      withRegistryOnly(async (network, refused) => {
        await copyAsCloned(folder);
        const run = strictRunner(folder, network);
        const { stderr } = await runner(folder, network)('node', npmProgram(11), 'config', 'list');
        assert.doesNotMatch(stderr, /Unknown project config/);
        await run('node', npmProgram(10), 'ci', ...quick);
        // The optional package for training on GPUs is left out where its library cannot be fetched.
        assert.deepEqual(
          refused.filter((host) => host !== 'storage.googleapis.com'),
          [],
        );
        const doctor = JSON.parse(await run('npx', 'verydeep', 'doctor', '--json')) as Doctor;
        assert.ok(doctor.chosen !== null, JSON.stringify(doctor));
      }),
    ));
});
