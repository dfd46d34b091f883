// Work is never replaced without a word: each command that writes refuses results of other options by the option's name and
// both values, and leaves them as they are; `--force` replaces them; `--resume` continues only the same work.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFeatures } from '../../src/features/store/reader.js';
import { picture, randomBackbone, small } from '../features/nets.js';
import { verydeepHere, withFolder } from '../support.js';

/** Hashes of all files of a folder, without records. */
const contents = async (folder: string): Promise<Record<string, string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.verydeep'));
  const hashed = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [
        path,
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ] as const;
    }),
  );
  return Object.fromEntries(hashed.sort(([a], [b]) => (a < b ? -1 : 1)));
};

const done = async (...args: readonly string[]): Promise<void> => {
  const { code, stderr } = await verydeepHere(...args, '--quiet');
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
};

/** Refuses in one line, and changes nothing. */
const refused = async (folder: string, args: readonly string[], message: RegExp): Promise<void> => {
  const before = await contents(folder);
  const { code, stderr } = await verydeepHere(...args, '--quiet');
  assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
  assert.match(stderr, message);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  assert.deepEqual(await contents(folder), before);
};

/** Photographs of two classes, two nets, and what the tests write. */
const withPhotos = (
  use: (at: (path: string) => string, extract: (...args: string[]) => string[]) => Promise<void>,
): Promise<void> =>
  withFolder(async (folder) => {
    const at = (path: string): string => join(folder, path);
    for (const name of ['a', 'b']) {
      await mkdir(at(`photos/${name}`), { recursive: true });
      for (let i = 0; i < 5; i++)
        await writeFile(at(`photos/${name}/${i}.png`), await picture(40, 36, name === 'a' ? i : i + 9));
    }
    await randomBackbone(at('net.safetensors'), small(), 1);
    await randomBackbone(at('other.safetensors'), small(), 2);
    const extract = (...args: string[]): string[] => [
      'extract',
      'folder',
      '--data',
      at('photos'),
      '--threads',
      '1',
      ...args,
    ];
    await use(at, extract);
  });

describe('results that are there already', function () {
  this.timeout(60_000);

  it('extract and merge: another recipe, net, data set or limit is refused, and deletes nothing', () =>
    withPhotos(async (at, extract) => {
      const own = ['--backbone', at('net.safetensors'), '--out', at('store')];
      await done(...extract('--scales', '32', ...own));
      const again = (...args: string[]): string[] => extract(...args, '--resume');
      await refused(at('store'), again('--scales', '60', ...own), /--scales was 32, is 60\. .*--force/);
      await refused(at('store'), extract('--scales', '60', ...own), /--scales was 32, is 60/);
      await refused(
        at('store'),
        again('--scales', '32', '--no-flip', '--descriptor-norm', 'none', ...own),
        /--no-flip was not given, is given; --descriptor-norm was l2, is none/,
      );
      await refused(
        at('store'),
        again('--scales', '32', '--backbone', at('other.safetensors'), '--out', at('store')),
        /--backbone was A \(SHA-256 \w+\), is A \(SHA-256/,
      );
      await refused(
        at('store'),
        again('--scales', '32', '--max-pixels', '900', ...own),
        /--max-pixels was not given, is 900/,
      );
      await mkdir(at('flat'));
      await writeFile(at('flat/1.png'), await picture(40, 36, 3));
      await refused(
        at('store'),
        ['extract', 'folder', '--data', at('flat'), '--scales', '32', ...own, '--resume'],
        /--data was .*photos, is .*flat/,
      );
      // The other shard of another recipe does not mix with this one.
      await refused(
        at('store'),
        extract('--scales', '60', '--shard', '1/2', ...own),
        /--scales was 32, is 60/,
      );
      // Threads and workers do not count, and images may be added: only they are described.
      await writeFile(at('photos/a/9.png'), await picture(40, 36, 99));
      await done(...again('--scales', '32', '--threads', '2', '--workers', '1', ...own));
      assert.equal((await openFeatures([at('store')])).rows, 11);
      await refused(
        at('store'),
        extract('--scales', '32', ...own),
        /already holds descriptors .*Add --resume/,
      );

      await done(...extract('--scales', '60', '--backbone', at('net.safetensors'), '--out', at('larger')));
      await done('features', 'merge', at('store'), '--out', at('merged'));
      await done('features', 'merge', at('store'), '--out', at('merged'));
      await refused(
        at('merged'),
        ['features', 'merge', at('larger'), '--out', at('merged')],
        /--scales was 32, is 60/,
      );
      await done('features', 'merge', at('larger'), '--out', at('merged'), '--force');
      assert.deepEqual((await openFeatures([at('merged')])).recipe.scales, [60]);

      await done(...extract('--scales', '60', ...own, '--force'));
      assert.deepEqual((await openFeatures([at('store')])).recipe.scales, [60]);
    }));

  it('evaluate: with --resume or without, whatever decides the figures', () =>
    withPhotos(async (at) => {
      await done(
        'extract',
        'folder',
        '--data',
        at('photos'),
        '--backbone',
        at('net.safetensors'),
        '--scales',
        '32',
        '--threads',
        '1',
        '--out',
        at('store'),
      );
      const out = at('result');
      const evaluate = (...args: string[]): string[] => [
        'evaluate',
        'folder',
        '--data',
        at('photos'),
        '--features',
        at('store'),
        '--splits',
        '1',
        '--resamples',
        '5',
        '--threads',
        '1',
        '--out',
        out,
        ...args,
      ];
      await done(...evaluate('--train-per-class', '3', '--save-models'));
      await refused(
        out,
        evaluate('--train-per-class', '2', '--resume'),
        /--train-per-class was 3, is 2\. .*--force/,
      );
      await refused(out, evaluate('--train-per-class', '2'), /--train-per-class was 3, is 2/);
      await refused(
        out,
        evaluate('--train-per-class', '3'),
        /already holds results of these options\. Add --resume/,
      );
      await refused(
        out,
        evaluate('--train-per-class', '3', '--resume', '--seed', '2', '--c', '1', '--bias', 'unregularised'),
        /--c was not given, is 1; --bias was not given, is unregularised; --seed was 1, is 2|--seed was 1, is 2/,
      );
      await done(...evaluate('--train-per-class', '3', '--resume', '--threads', '2'));
      // Results of version 0.1 have no record but tell of their splits.
      await writeFile(join(out, '.verydeep'), 'verydeep wrote this folder.\n');
      await refused(out, evaluate('--train-per-class', '2', '--resume'), /--train-per-class was 3, is 2/);
      await done(...evaluate('--train-per-class', '3', '--resume'));
      await done(...evaluate('--train-per-class', '2', '--force'));
      const results = JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as {
        protocol: { trainPerClass: number };
      };
      assert.equal(results.protocol.trainPerClass, 2);
      await assert.rejects(
        readFile(join(out, 'models/split-1.safetensors')),
        'models of the earlier run are gone',
      );
    }));

  it('single files: exports, scores, statistics, weights; a file of unknown origin is kept too', () =>
    withPhotos(async (at, extract) => {
      const net = at('net.safetensors');
      await done(...extract('--scales', '32', '--layer', 'fc7,fc6', '--backbone', net, '--out', at('store')));
      await mkdir(at('files'));
      const file = (name: string): string => at(`files/${name}`);
      const cases: readonly (readonly [first: string[], other: string[], message: RegExp])[] = [
        ...(['npy', 'csv', 'libsvm', 'parquet', 'hdf5'] as const).map((to): [string[], string[], RegExp] => {
          const args = ['features', 'export', at('store'), '--to', to, '--out', file(`x-${to}`)];
          return [args, [...args, '--layer', 'fc6'], /--layer was fc7, is fc6/];
        }),
        [
          ['datasets', 'stats', 'folder', '--data', at('photos'), '--workers', '1', '--out', file('s.json')],
          ['datasets', 'stats', 'folder', '--data', at('photos'), '--side', '64', '--out', file('s.json')],
          /--side was 256, is 64/,
        ],
        [
          ['weights', 'import', net, '--out', file('n.safetensors')],
          ['weights', 'import', at('other.safetensors'), '--out', file('n.safetensors')],
          /the file was .*net\.safetensors, is .*other\.safetensors/,
        ],
        [
          ['weights', 'export', net, '--format', 'onnx', '--out', file('w')],
          ['weights', 'export', net, '--format', 'torchvision', '--out', file('w')],
          /--format was onnx, is torchvision/,
        ],
        [
          ['weights', 'export', net, '--format', 'tfjs', '--out', file('tf')],
          ['weights', 'export', at('other.safetensors'), '--format', 'tfjs', '--out', file('tf')],
          /--backbone was .*net\.safetensors, is .*other\.safetensors/,
        ],
      ];
      for (const [first, other, message] of cases) {
        await done(...first);
        await done(...first); // The same work again.
        await refused(at('files'), other, message);
        await done(...other, '--force');
        await refused(at('files'), first, / was .*, is /);
      }
      await done('features', 'export', at('store'), '--to', 'csv', '--out', file('y.csv'));
      await done('features', 'export', at('store'), '--to', 'npy', '--out', file('y.npy'));
      assert.match(await readFile(file('y.csv'), 'utf8'), /^id,path,labels,fc7_0/);
      for (const args of [
        ['features', 'export', at('store')],
        ['weights', 'import', net],
        ['weights', 'export', net, '--format', 'onnx'],
        ['datasets', 'stats', 'folder', '--data', at('photos')],
      ]) {
        await writeFile(file('mine'), 'mine');
        await refused(
          at('files'),
          [...args, '--out', file('mine')],
          /is there already, and what made it is not known\. .*--force/,
        );
        await refused(
          at('files'),
          [...args, '--out', at('photos')],
          /the path of a file for --out but received .* It is a folder/,
        );
      }

      await done(
        'evaluate',
        'folder',
        '--features',
        at('store'),
        '--layer',
        'fc7',
        '--train-per-class',
        '3',
        '--splits',
        '1',
        '--resamples',
        '5',
        '--threads',
        '1',
        '--save-models',
        '--out',
        at('result'),
      );
      const predict = (...args: string[]): string[] => [
        'predict',
        '--model',
        at('result/models/split-1.safetensors'),
        '--threads',
        '1',
        '--csv',
        file('p.csv'),
        ...args,
      ];
      await done(...predict(at('photos/a')));
      await done(...predict(at('photos/a')));
      await refused(
        at('files'),
        predict(at('photos')),
        /given for --csv .* the list of images was 5 images, is 10 images/,
      );
      await refused(at('files'), predict(at('photos'), '--csv', file('mine')), /what made it is not known/);
      await done(...predict(at('photos'), '--force'));
    }));
});
