// Photographs without labels: described, exported and shown; only what needs labels asks for them.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import h5wasm from 'h5wasm/node';
import { parquetReadObjects } from 'hyparquet';
import { openDataset } from '../../src/datasets/open.js';
import { describe as describeImages } from '../../src/features/describe.js';
import { openNet } from '../../src/features/net.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { LinearSvm } from '../../src/linear-svm.js';
import { picture, randomBackbone, small } from '../features/nets.js';
import { verydeepHere, withFolder } from '../support.js';

const run = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await verydeepHere(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};

describe('photographs without labels', function () {
  this.timeout(60_000);

  it('are described from a flat folder and a table; training and testing ask for labels and say how', () =>
    withFolder(async (folder) => {
      const at = (path: string): string => join(folder, path);
      await mkdir(at('flat'));
      for (const i of [1, 2, 3]) await writeFile(at(`flat/${i}.png`), await picture(40, 36, i));
      await writeFile(at('table.csv'), 'path,note\nflat/1.png,x\nflat/3.png,y\n');
      await randomBackbone(at('net.safetensors'), small());
      const net = ['--backbone', at('net.safetensors'), '--scales', '32', '--threads', '1'];
      const { code, stderr } = await verydeepHere(
        'extract',
        'folder',
        '--data',
        at('flat'),
        ...net,
        '--out',
        at('store'),
      );
      assert.equal(code, 0, stderr);
      assert.match(stderr, /No image has a label: the images lie in no class folder\./);
      await run('extract', 'csv', '--data', at('table.csv'), ...net, '--quiet', '--out', at('of-table'));
      const store = await openFeatures([at('store')]);
      assert.deepEqual(
        [store.ids, store.labels],
        [
          ['1.png', '2.png', '3.png'],
          [[], [], []],
        ],
      );
      assert.deepEqual((await openFeatures([at('of-table')])).ids, ['flat/1.png', 'flat/3.png']);
      assert.match(
        await run('features', 'info', at('store')),
        /^3 images, unlabelled, in 1 parts; 0 skipped\n/,
      );
      assert.equal(
        (JSON.parse(await run('features', 'info', at('store'), '--json')) as { labelled: boolean }).labelled,
        false,
      );

      // In a program.
      const flat = await openDataset('folder', at('flat'));
      const x = await describeImages(await openNet(at('net.safetensors'), { threads: 1 }), flat, {
        recipe: { scales: [32] },
      });
      assert.deepEqual(await x.read('fc7'), await store.read('fc7'));
      await assert.rejects(LinearSvm.fit(x), /images of at least two classes .* one folder a class/);

      for (const args of [
        ['train', 'folder', '--data', at('flat')],
        ['evaluate', 'folder', '--data', at('flat'), ...net],
        ['evaluate', 'folder', '--data', at('flat'), '--features', at('store')],
      ]) {
        const refused = await verydeepHere(...args, '--quiet', '--out', at('z'));
        assert.equal(refused.code, 2, refused.stderr);
        assert.match(
          refused.stderr,
          /Expected labelled images in .*flat but .* lie in no class folder\. Put the images of each class into a folder/,
        );
        assert.equal(refused.stderr.trim().split('\n').length, 1);
      }
      const table = await verydeepHere(
        'evaluate',
        'csv',
        '--data',
        at('table.csv'),
        ...net,
        '--quiet',
        '--out',
        at('z'),
      );
      assert.match(table.stderr, /has no column "label" \(its columns are path, note\)\. .*--label-column/);
      const features = await verydeepHere(
        'evaluate',
        'folder',
        '--features',
        at('store'),
        '--quiet',
        '--out',
        at('z'),
      );
      assert.match(features.stderr, /of images without labels\. Give --data/);
      const wrong = await verydeepHere(
        'extract',
        'csv',
        '--data',
        at('table.csv'),
        '--label-column',
        'kind',
        ...net,
        '--out',
        at('z'),
      );
      assert.match(wrong.stderr, /a column "kind"/);
    }));

  it('leave the column of labels out of every export', () =>
    withFolder(async (folder) => {
      const at = (path: string): string => join(folder, path);
      await mkdir(at('flat'));
      for (const i of [1, 2]) await writeFile(at(`flat/${i}.png`), await picture(40, 36, i));
      await randomBackbone(at('net.safetensors'), small());
      await run(
        'extract',
        'folder',
        '--data',
        at('flat'),
        '--backbone',
        at('net.safetensors'),
        '--scales',
        '32',
        '--threads',
        '1',
        '--quiet',
        '--out',
        at('store'),
      );
      for (const [to, name] of [
        ['csv', 'a.csv'],
        ['npy', 'b.npy'],
        ['libsvm', 'c.svm'],
        ['parquet', 'd.parquet'],
        ['hdf5', 'e.h5'],
      ] as const)
        await run('features', 'export', at('store'), '--to', to, '--out', at(name));
      const [row] = parse<Record<string, string>>(await readFile(at('a.csv')), { columns: true });
      assert.deepEqual(Object.keys(row!).slice(0, 3), ['id', 'path', 'fc7_0']);
      assert.match(
        await readFile(at('b.csv'), 'utf8'),
        /^id,path,sha256,width,height\n1\.png,1\.png,[0-9a-f]{64},40,36\n/,
      );
      assert.match(await readFile(at('c.svm'), 'utf8'), /^0 \d+:\S+.*\n0 \d+:/);
      await assert.rejects(readFile(at('c.svm.classes')));
      const { buffer, byteOffset, byteLength } = await readFile(at('d.parquet'));
      const [object] = await parquetReadObjects({
        file: buffer.slice(byteOffset, byteOffset + byteLength),
      });
      assert.deepEqual(Object.keys(object!), ['id', 'path', 'sha256', 'width', 'height', 'fc7']);
      await h5wasm.ready;
      const file = new h5wasm.File(at('e.h5'), 'r');
      assert.deepEqual(file.keys().sort(), ['fc7', 'height', 'id', 'path', 'sha256', 'width']);
      file.close();
    }));

  it('may be the folders of splits; beside class folders they are passed over', () =>
    withFolder(async (folder) => {
      const image = await picture(40, 36, 1);
      const put = async (path: string): Promise<void> => {
        await mkdir(join(folder, path, '..'), { recursive: true });
        await writeFile(join(folder, path), image);
      };
      for (const path of [
        'flat/Training/1.png',
        'flat/test/2.png',
        'level/images/1.png',
        'mixed/cat/1.png',
        'mixed/dog/1.png',
        'mixed/loose.png',
      ])
        await put(path);
      const flat = await openDataset('folder', join(folder, 'flat'));
      assert.deepEqual(
        Object.entries(flat.splits).map(([name, items]) => [
          name,
          items.map(({ id, labels }) => [id, ...labels]),
        ]),
        [
          ['train', [['Training/1.png']]],
          ['test', [['test/2.png']]],
        ],
      );
      assert.deepEqual(flat.classes, []);
      const level = await openDataset('folder', join(folder, 'level'));
      assert.deepEqual(
        level.items().map(({ id, labels }) => [id, ...labels]),
        [['images/1.png']],
      );
      const mixed = await openDataset('folder', join(folder, 'mixed'));
      assert.equal(mixed.unlabelled, undefined);
      assert.deepEqual(
        mixed.items().map(({ id, labels }) => [id, ...labels]),
        [
          ['cat/1.png', 'cat'],
          ['dog/1.png', 'dog'],
        ],
      );
      assert.deepEqual(mixed.strays, [
        { path: 'loose.png', reason: 'lies in no class folder, beside others that do' },
      ]);
      await cp(join(folder, 'mixed/cat'), join(folder, 'lone/cat'), { recursive: true });
      assert.deepEqual((await openDataset('folder', join(folder, 'lone'))).classes, ['cat']);
    }));
});
