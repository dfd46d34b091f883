// What the tests of the package share: packing it as npm does, and using it in an empty project.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { root } from '../support.js';
import { strictRunner } from './npm.js';

/** Eight images of each of two classes; another `green` gives other images. */
export const makePhotos = async (folder: string, green = 0): Promise<void> => {
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
export const installCommand = (tarball: string): string[] => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [command] = /npm install [^\n`#]*\bverydeep\b/.exec(readme)!;
  return command.split(' ').map((word) => (word === 'verydeep' ? `./${tarball}` : word));
};

/** Packs the project into a folder that is an empty project of a user; gives the tarball's name and its files. */
export const packInto = async (folder: string): Promise<{ tarball: string; files: string[] }> => {
  await writeFile(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
  const packed = await strictRunner(root)(
    ...['npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', folder],
  );
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  return { tarball: filename, files: files.map(({ path }) => path) };
};

export const quick = ['--no-audit', '--no-fund', '--prefer-offline'];

export interface Doctor {
  readonly chosen: string | null;
  readonly engines: readonly { readonly notes: readonly string[]; readonly fix?: string }[];
}

/** The texts of the legends; each chart is drawn twice, for wide pages and for narrow ones. */
const legendsOf = (html: string): string[] => [
  ...new Set(
    html
      .split('role-legend-label')
      .slice(1)
      .map((text) => /<text[^>]*>([^<]*)</.exec(text)![1]!),
  ),
];

/** Trains and evaluates with the installed command; the legends of both reports name their lines. */
export const checkReports = async (
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
    [
      'top-1 error, training',
      'top-1 error, validation',
      'top-5 error, training',
      'top-5 error, validation',
    ].sort(),
  );
  assert.deepEqual(await legends(`${evaluated}/report.html`), ['split 1', 'split 2']);
};
