// The fixtures were written by numpy, pyarrow, polars, h5py and torch (test/fixtures/features/make.py): the same 70 vectors.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Item } from '../../../src/datasets/dataset.js';
import { type ImportOptions, importFeatures } from '../../../src/features/store/import/import.js';
import { matchRows } from '../../../src/features/store/import/match.js';
import { openFeatures } from '../../../src/features/store/reader.js';
import { verifyFeatures } from '../../../src/features/store/verify.js';
import { decodeLz4Frame } from '../../../src/formats/table/lz4.js';
import { numberedColumns } from '../../../src/formats/table/table.js';
import { sha256OfFile } from '../../../src/io/files.js';
import { fixture, verydeepHere, withFolder } from '../../support.js';

const given = (name: string): string => fixture('features', name);
const ids = { ids: given('ids.txt') };
/** Number k of row i, as make.py computes it. */
const number = (i: number, k: number): number => (((3 * i + k) % 64) - 20) / 8;

const imported = (file: string, out: string, options: Partial<ImportOptions> = {}) =>
  importFeatures(file, { out, ...options });

/** A file of 32-bit vectors in NumPy's format. */
const npy = (rows: readonly (readonly number[])[]): Uint8Array => {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0]!.length}), }`;
  const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text.padEnd(117)}\n`, 'latin1');
  header.writeUInt16LE(118, 8);
  return Buffer.concat([header, Buffer.from(Float32Array.from(rows.flat()).buffer)]);
};

const item = (id: string, labels: readonly string[] = []): Item => ({
  id,
  path: id,
  source: { file: id },
  labels,
});

describe('features/store/import', () => {
  for (const [file, options, store] of [
    ['f16.npy', ids, 'float16'],
    ['f32.npy', ids, 'float32'],
    ['f64.npy', { ids: given('ids.npy') }, 'float32'],
    ['big-endian.npy', ids, 'float32'],
    ['fortran.npy', ids, 'float32'],
    ['maps.npy', ids, 'float32'],
    ['stored.npz', {}, 'float32'],
    ['compressed.npz', {}, 'float16'],
    ['lists.parquet', {}, 'float32'],
    ['fixed.parquet', {}, 'float32'],
    ['wide.parquet', {}, 'float32'],
    ['lz4.feather', {}, 'float32'],
    ['stream.arrow', {}, 'float16'],
    ['wide.csv', {}, 'float32'],
    ['lists.tsv', {}, 'float32'],
    ['half.h5', {}, 'float16'],
    ['double.h5', {}, 'float32'],
    ['dictionary.pt', {}, 'float32'],
    ['tuple.pt', ids, 'float16'],
    ['by-name.pt', {}, 'float32'],
    ['transposed.pt', ids, 'float32'],
    ['old.pt', ids, 'float32'],
  ] as const) {
    it(`reads ${file}`, () =>
      withFolder(async (folder) => {
        const out = join(folder, 'out');
        const { recipe } = await imported(given(file), out, options);
        assert.equal(recipe.store, store);
        const features = await openFeatures([out]);
        const { data } = await features.read('features');
        assert.deepEqual([features.rows, features.columns('features')], [70, 3]);
        features.ids.forEach((id, row) => {
          const i = Number(id.slice(4, 7));
          const wanted = [0, 1, 2].map((k) => number(i, k));
          assert.deepEqual([...data.subarray(3 * row, 3 * row + 3)], wanted, `${id} of ${file}`);
        });
        assert.deepEqual([...features.ids].sort(), features.ids);
        assert.equal(features.nets[0]!.sha256, await sha256OfFile(given(file)));
        assert.deepEqual((await verifyFeatures([out])).problems, []);
        assert.deepEqual(
          (await readdir(folder)).filter((name) => name !== 'out'),
          [],
        );
      }));
  }

  it('takes ids and labels from the data set, and says what it matched by', () =>
    withFolder(async (folder) => {
      const items = Array.from({ length: 70 }, (_, i) =>
        item(`train/${i % 2 ? 'cat' : 'dog'}/${String(i).padStart(3, '0')}.png`, [i % 2 ? 'cat' : 'dog']),
      );
      const out = join(folder, 'out');
      const { account } = await imported(given('lists.parquet'), out, {
        items,
        name: 'DINO',
        descriptorNorm: 'l2',
      });
      assert.deepEqual([account.rule, account.matched], ['path', 70]);
      const features = await openFeatures([out]);
      assert.equal(features.ids[0], 'train/cat/001.png');
      assert.deepEqual(features.labels[69], ['dog']);
      const { data } = await features.read('features');
      const row = [3, 4, 5].map((i) => (i - 20) / 8);
      row.forEach((x, k) => assert.ok(Math.abs(data[k]! - x / Math.hypot(...row)) < 1e-7));
      assert.deepEqual(features.recipe.source, {
        name: 'DINO',
        file: 'lists.parquet',
        format: 'parquet',
        column: 'embedding',
      });
    }));

  it('matches by id, by paths that begin elsewhere, or by file names, never across folders', () => {
    const images = ['a/x/1.jpg', 'a/y/1.jpg', 'a/y/2.jpg'].map((path) => ({ id: path, path }));
    const rule = (...names: string[]) => {
      const { rule: by, images: found } = matchRows(names, images);
      return [by, [...found]];
    };
    assert.deepEqual(rule('a/y/2.jpg', 'a/x/1.jpg'), ['id', [2, 0]]);
    assert.deepEqual(rule('/data/a/y/1.jpg', './a/x/1', 'y\\2.jpg'), ['path', [1, 0, 2]]);
    assert.deepEqual(rule('z/1.jpg', 'y/1.png'), ['path', [-1, 1]]);
    assert.deepEqual(rule('2', '1'), ['stem', [2, -1]]);
    const voc = { id: '000012', path: 'VOC2007/JPEGImages/000012.jpg' };
    for (const name of ['000012', '000012.jpg', 'JPEGImages/000012.jpg', '/x/000012.png'])
      assert.equal(matchRows([name], [voc]).matched, 1, name);
    assert.equal(matchRows(['12'], [voc]).matched, 0);
  });

  it('groups numbered columns', () => {
    assert.deepEqual(
      numberedColumns(['id', 'x_1', 'x_0', '1', '2', 'fc70', 'gap0', 'gap2']).map(({ name, members }) => [
        name,
        ...members,
      ]),
      [
        ['x', 'x_0', 'x_1'],
        ['numbers', '1', '2'],
      ],
    );
  });

  it('refuses what does not match, by name, and writes nothing', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'x.npy');
      const list = join(folder, 'names.txt');
      const out = join(folder, 'out');
      const refused = async (
        rows: readonly (readonly number[])[],
        names: string,
        wanted: RegExp,
        options: Partial<ImportOptions> = {},
      ): Promise<void> => {
        await writeFile(file, npy(rows));
        await writeFile(list, names);
        await assert.rejects(imported(file, out, { ids: list, ...options }), wanted);
        assert.ok(!existsSync(out));
        assert.deepEqual((await readdir(folder)).sort(), ['names.txt', 'x.npy']);
      };
      const rows = [[1, 2], [3, 4]]; // prettier-ignore
      const items = [item('a.jpg'), item('b.jpg')];
      await refused(
        rows,
        'a\n',
        /Expected 2 ids, one for each row of .*x\.npy for .*names\.txt but received "1 ids"/,
      );
      await refused(rows, 'a\na\n', /The id a is in .*names\.txt twice, as row 0 and 1/);
      await refused(rows, 'a\n\n', /Expected an id for row 1/);
      await refused([[1, 2], [3, NaN]], 'a\nb\n', /finite numbers for row 1 \(b\), number 1 but received NaN/); // prettier-ignore
      await refused([[1, 2], [-Infinity, 4]], 'a\nb\n', /row 1 \(b\), number 0/); // prettier-ignore
      await refused([[1, 2], [1e5, 4]], 'a\nb\n', /half precision holds for row 1 \(b\).*Give store float32/, { store: 'float16' }); // prettier-ignore
      await refused(rows, 'c\nd\n', /No row of .* is of an image of the data set: rows are named c, d, images a\.jpg, b\.jpg/, { items }); // prettier-ignore
      await refused(rows, 'a\nd\n', /1 rows matched by path; 1 rows are of no image of the data set \(d\); 1 images have no row \(b\.jpg\)\. .*split.*partial/, { items }); // prettier-ignore
      await refused(rows, 'a\nx/a.jpg\n', /rows 0 \(a\) and 1 \(x\/a\.jpg\) are both of the image a\.jpg/, { items }); // prettier-ignore
      await refused(rows, 'a\nb\n', /Expected one of array for column but received "z"/, { column: 'z' });
      for (const [name, wanted] of [
        ['objects.npy', /pickled objects, which are not read/],
        ['pickle.pkl', /is a pickle, which is not read/],
        ['array.pt', /pickled objects \(numpy.*which are not read/],
      ] as const)
        await assert.rejects(imported(given(name), out, ids), wanted);
      assert.ok(!existsSync(out));
    }));

  it('imports what matches where that is asked for: other images are skipped with the reason', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'x.npy');
      await writeFile(file, npy([[1], [2]]));
      await writeFile(join(folder, 'x.txt'), 'b\nc\n');
      const items = [item('a.jpg'), item('b.jpg')];
      const out = join(folder, 'out');
      const { account } = await imported(file, out, { items, partial: true });
      assert.deepEqual(
        [account.matched, account.unmatchedRows.first, account.missingImages.first],
        [1, ['c'], ['a.jpg']],
      );
      const features = await openFeatures([out]);
      assert.deepEqual(features.ids, ['b.jpg']);
      assert.deepEqual(features.skipped, [{ id: 'a.jpg', path: 'a.jpg', reason: 'x.npy has no row of it' }]);
      await assert.rejects(imported(file, out, { items }), /already holds files/);
      await imported(file, out, { items: [item('b.jpg'), item('c.jpg')], force: true });
      assert.deepEqual((await openFeatures([out])).ids, ['b.jpg', 'c.jpg']);
    }));

  it('refuses damaged files by name', () =>
    withFolder(async (folder) => {
      for (const name of [
        'f32.npy',
        'stored.npz',
        'lists.parquet',
        'lz4.feather',
        'half.h5',
        'dictionary.pt',
      ]) {
        const bytes = await readFile(given(name));
        const cut = join(folder, name);
        await writeFile(cut, bytes.subarray(0, bytes.length * 0.6));
        await assert.rejects(imported(cut, join(folder, 'out'), ids), (error: Error) => {
          assert.match(error.name, /UsageError|VerydeepError/, `${name}: ${error.stack}`);
          assert.match(error.message, new RegExp(name.replace('.', '\\.')));
          return true;
        });
      }
    }));

  it('unpacks LZ4: literals, overlapping copies, and refuses copies from before the start', () => {
    const frame = (...block: number[]) =>
      Uint8Array.of(4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0, block.length, 0, 0, 0, ...block, 0, 0, 0, 0);
    const [a, b, c] = [97, 98, 99];
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
    assert.equal(text(decodeLz4Frame(frame(0x22, a, b, 2, 0, 0x10, c))), 'abababab' + 'c');
    assert.throws(() => decodeLz4Frame(frame(0x10, a, 3, 0, 0x10, c)), RangeError);
  });

  it('is a command that makes a store of the images of a folder', () =>
    withFolder(async (folder) => {
      for (const name of ['cat', 'dog']) {
        await mkdir(join(folder, 'photos', name), { recursive: true });
        await writeFile(join(folder, 'photos', name, '1.png'), await readFile(fixture('resize', 'photo.png')).catch(() => 'x')); // prettier-ignore
      }
      await writeFile(join(folder, 'x.npy'), npy([[1], [2]]));
      await writeFile(join(folder, 'x.csv'), 'path\nphotos/dog/1.png\nphotos/cat/1.png\n');
      const args = ['--dataset', 'folder', '--data', join(folder, 'photos'), '--out', join(folder, 'out')];
      const { code, stdout, stderr } = await verydeepHere(
        'features',
        'import',
        join(folder, 'x.npy'),
        ...args,
      );
      assert.equal(code, 0, stderr);
      assert.match(stdout, /2 rows matched by path\.\n2 descriptors of 1 numbers \(features\)/);
      const features = await openFeatures([join(folder, 'out')]);
      assert.deepEqual([...(await features.read('features')).data], [2, 1]);
      assert.deepEqual(features.labels, [['cat'], ['dog']]);
      assert.equal(features.sha256[0], await sha256OfFile(join(folder, 'photos', 'cat', '1.png')));
      const bad = await verydeepHere('features', 'import', join(folder, 'x.npy'), '--out', join(folder, 'o'), '--data', folder); // prettier-ignore
      assert.match(bad.stderr, /for --dataset/);
    }));
});
