// Exports: every format read back by a reader of its own, with the numbers and names of the store.
import { parse } from 'csv-parse/sync';
import h5wasm from 'h5wasm/node';
import { parquetReadObjects } from 'hyparquet';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../../src/errors.js';
import { exportFeatures } from '../../../src/features/store/export/export.js';
import { type FeatureStore, openFeatures } from '../../../src/features/store/reader.js';
import { type Matrix, rowOf } from '../../../src/matrix.js';
import { withFolder } from '../../support.js';
import { writeStore } from '../stores.js';

describe('features/export', () => {
  const withStore = (use: (store: FeatureStore, matrix: Matrix, folder: string) => Promise<void>) =>
    withFolder(async (folder) => {
      await writeStore(folder, 70);
      const store = await openFeatures([folder]);
      await use(store, await store.read('fc7'), folder);
    });

  it('writes npy, and the images as CSV', () =>
    withStore(async (store, matrix, folder) => {
      const [npy, csv] = await exportFeatures(store, 'npy', 'fc7', join(folder, 'deep', 'x.npy'));
      const bytes = await readFile(npy!);
      const header = 10 + bytes.readUInt16LE(8);
      assert.equal(header % 64, 0);
      assert.match(
        bytes.toString('latin1', 0, header),
        /^\x93NUMPY.*'descr': '<f4'.*'shape': \(70, 5\), \} *\n$/s,
      );
      assert.deepEqual(new Float32Array(bytes.buffer.slice(bytes.byteOffset + header)), matrix.data);
      const images = parse<Record<string, string>>(await readFile(csv!), { columns: true });
      assert.deepEqual(
        images.map(({ id }) => id),
        store.ids,
      );
      assert.deepEqual(
        images.map(({ labels }) => labels),
        store.labels.map((labels) => labels.join('|')),
      );
    }));

  it('writes npy over no other export', () =>
    withStore(async (store, _, folder) => {
      const [csv, npy] = [join(folder, 'x.csv'), join(folder, 'x.npy')];
      await exportFeatures(store, 'csv', 'fc7', csv);
      const before = await readFile(csv);
      assert.deepEqual(await exportFeatures(store, 'npy', 'fc7', npy), [npy, `${npy}.csv`]);
      assert.deepEqual(await readFile(csv), before);
      assert.match(await readFile(`${npy}.csv`, 'utf8'), /^id,path,sha256,labels,width,height\n/);
      assert.deepEqual(await exportFeatures(store, 'npy', 'fc7', npy), [npy, `${npy}.csv`], 'again');
      await assert.rejects(
        exportFeatures(store, 'npy', 'fc7', csv),
        /to was csv, is npy\. Choose another name/,
      );
      assert.deepEqual(await readFile(csv), before);
      const other = join(folder, 'y.npy');
      assert.deepEqual(await exportFeatures(store, 'npy', 'fc7', other), [other, join(folder, 'y.csv')]);
      assert.deepEqual(await exportFeatures(store, 'npy', 'fc7', other), [other, join(folder, 'y.csv')]);
    }));

  it('writes CSV whose numbers are the same float32 again', () =>
    withStore(async (store, matrix, folder) => {
      const [csv] = await exportFeatures(store, 'csv', 'fc7', join(folder, 'x.csv'));
      const rows = parse<Record<string, string>>(await readFile(csv!), { columns: true });
      assert.deepEqual(
        rows.map(({ id }) => id),
        store.ids,
      );
      const numbers = rows.flatMap((row) => [0, 1, 2, 3, 4].map((i) => Math.fround(Number(row[`fc7_${i}`]))));
      assert.deepEqual(Float32Array.from(numbers), matrix.data);
    }));

  it('writes LIBSVM lines: labels as numbers, zeros left out', () =>
    withStore(async (store, matrix, folder) => {
      const [path, classes] = await exportFeatures(store, 'libsvm', 'fc7', join(folder, 'x.svm'));
      assert.equal(await readFile(classes!, 'utf8'), 'class 0\nclass 1\n');
      const lines = (await readFile(path!, 'utf8')).trimEnd().split('\n');
      assert.equal(lines.length, 70);
      lines.forEach((line, i) => {
        const [labels, ...pairs] = line.split(' ');
        assert.equal(labels, store.labels[i]!.map((label) => label.slice(6)).join(','));
        const row = new Float32Array(5);
        for (const pair of pairs) row[Number(pair.split(':')[0]) - 1] = Number(pair.split(':')[1]);
        assert.deepEqual(row, rowOf(matrix, i));
        assert.ok(!pairs.some((pair) => pair.endsWith(':0')));
      });
    }));

  it('writes Parquet', () =>
    withStore(async (store, matrix, folder) => {
      const [path] = await exportFeatures(store, 'parquet', 'fc7', join(folder, 'x.parquet'));
      const bytes = await readFile(path!);
      const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      const rows = await parquetReadObjects({ file });
      assert.deepEqual(
        rows.map(({ id }) => id as string),
        store.ids,
      );
      assert.deepEqual(
        rows.map(({ labels }) => labels as string[]),
        store.labels,
      );
      assert.deepEqual(Float32Array.from(rows.flatMap(({ fc7 }) => fc7 as number[])), matrix.data);
      assert.deepEqual(
        rows.map(({ height }) => height as number),
        store.heights,
      );
    }));

  it('writes HDF5', () =>
    withStore(async (store, matrix, folder) => {
      const [path] = await exportFeatures(store, 'hdf5', 'fc7', join(folder, 'x.h5'));
      await h5wasm.ready;
      const file = new h5wasm.File(path!, 'r');
      try {
        const values = (name: string) => (file.get(name) as InstanceType<typeof h5wasm.Dataset>).value;
        assert.deepEqual(values('fc7'), matrix.data);
        assert.deepEqual((file.get('fc7') as InstanceType<typeof h5wasm.Dataset>).shape, [70, 5]);
        assert.deepEqual(values('id'), store.ids);
        assert.deepEqual(values('width'), Int32Array.from(store.widths));
        assert.equal(file.attrs['hash']!.value, store.hash);
      } finally {
        file.close();
      }
    }));

  it('refuses unknown layers and formats, and folders that cannot be made', () =>
    withStore(async (store, _, folder) => {
      await writeFile(join(folder, 'deep.txt'), '');
      await assert.rejects(exportFeatures(store, 'npy', 'fc9', join(folder, 'x')), UsageError);
      await assert.rejects(
        exportFeatures(store, 'xls' as 'npy', 'fc7', join(folder, 'x')),
        /to but received "xls"/,
      );
      await assert.rejects(
        exportFeatures(store, 'npy', 'fc7', join(folder, 'deep.txt', 'x.npy')),
        UsageError,
      );
    }));
});
