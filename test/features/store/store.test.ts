// The store: what is written is read back, by this library and by apache-arrow; damage is noticed.
import { tableFromIPC } from 'apache-arrow';
import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, VerydeepError } from '../../../src/errors.js';
import { toStored } from '../../../src/stored.js';
import { rowOf } from '../../../src/matrix.js';
import { openPart } from '../../../src/features/store/part.js';
import { openFeatures } from '../../../src/features/store/reader.js';
import { encodePart, writePart } from '../../../src/features/store/writer.js';
import { withFolder } from '../../support.js';
import { lengths, metadata, rows } from '../stores.js';

describe('features/store', () => {
  it('reads back what was written, over several parts', () =>
    withFolder(async (folder) => {
      const [first, second] = [rows(7), rows(4, 7)];
      const skipped = [{ id: 'x', path: 'x.jpg', reason: 'no image' }];
      await writePart(folder, metadata(0), first, lengths);
      await writePart(folder, metadata(1, { skipped }), second, lengths);
      const store = await openFeatures([folder]);
      const all = [...first, ...second];
      assert.equal(store.rows, 11);
      assert.deepEqual(
        store.ids,
        all.map((row) => row.id),
      );
      assert.deepEqual(
        store.labels,
        all.map((row) => row.labels),
      );
      assert.deepEqual(
        store.widths,
        all.map((row) => row.width),
      );
      assert.deepEqual(store.skipped, skipped);
      for (const layer of store.layers) {
        const matrix = await store.read(layer);
        assert.equal(matrix.columns, store.columns(layer));
        all.forEach((row, i) => assert.deepEqual(rowOf(matrix, i), row.descriptors[layer]));
        let seen = 0;
        for await (const { start, matrix: batch } of store.batches(layer)) {
          assert.equal(start, seen);
          for (let i = 0; i < batch.rows; i++)
            assert.deepEqual(rowOf(batch, i), all[seen + i]!.descriptors[layer]);
          seen += batch.rows;
        }
        assert.equal(seen, 11);
      }
    }));

  it('is an ordinary Arrow file, and the same bytes for the same rows', () => {
    const bytes = encodePart(metadata(0), rows(5), lengths);
    assert.deepEqual(encodePart(metadata(0), rows(5), lengths), bytes);
    const table = tableFromIPC(bytes);
    assert.deepEqual(
      table.schema.fields.map((field) => `${field.name}: ${String(field.type)}`),
      [
        'id: Utf8',
        'path: Utf8',
        'sha256: Utf8',
        'labels: List<Utf8>',
        'width: Int32',
        'height: Int32',
        'fc7: FixedSizeList[5]<Float32>',
        'conv5:linear: FixedSizeList[3]<Float32>',
      ],
    );
    assert.equal(table.numRows, 5);
    assert.deepEqual(JSON.parse(table.schema.metadata.get('verydeep')!), {
      ...metadata(0),
      recipe: toStored(metadata(0).recipe),
    });
    assert.deepEqual([...(table.get(2)!['labels'] as Iterable<string>)], ['class 0', 'class 1']);
  });

  it('keeps descriptors as halves to a half of a unit in the last place', () =>
    withFolder(async (folder) => {
      const given = rows(6);
      const recipe = { ...metadata(0).recipe, store: 'float16' as const };
      await writePart(folder, metadata(0, { recipe }), given, lengths);
      const matrix = await (await openFeatures([folder])).read('fc7');
      given.forEach((row, i) =>
        rowOf(matrix, i).forEach((value, j) => {
          const exact = row.descriptors['fc7']![j]!;
          assert.ok(Math.abs(value - exact) <= 2 ** (Math.floor(Math.log2(Math.abs(exact))) - 11));
        }),
      );
    }));

  it('has a part without images where all were skipped', () =>
    withFolder(async (folder) => {
      await writePart(folder, metadata(0), [], lengths);
      const store = await openFeatures([folder]);
      assert.equal(store.rows, 0);
      assert.equal(store.columns('fc7'), 5);
      assert.deepEqual(await store.read('fc7'), { rows: 0, columns: 5, data: new Float32Array(0) });
    }));

  it('names a file that is cut at any place, foreign or damaged', () =>
    withFolder(async (folder) => {
      const path = await writePart(folder, metadata(0), rows(5), lengths);
      const whole = await readFile(path);
      for (let size = whole.length - 1; size >= 0; size -= 97) {
        await writeFile(path, whole);
        await truncate(path, size);
        await assert.rejects(openPart(path), (error: Error) => {
          assert.ok(error instanceof VerydeepError, `${size}: ${error.stack}`);
          return error.message.includes(path);
        });
      }
      await writeFile(path, 'not an arrow file, but a text that is long enough');
      await assert.rejects(openPart(path), /is not an Arrow file/);
      await assert.rejects(openPart(join(folder, 'none.arrow')), /no such file/);
    }));

  it('refuses folders of different recipes, the same images twice, and no folder', () =>
    withFolder(async (folder) => {
      await writePart(folder, metadata(0), rows(3), lengths);
      await assert.rejects(openFeatures([folder, folder]), UsageError);
      await writePart(folder, metadata(1, { hash: 'fedcba9876543210' }), rows(3, 3), lengths);
      await assert.rejects(openFeatures([folder]), /another recipe or other weights/);
      await assert.rejects(openFeatures([join(folder, 'none')]), /a folder of descriptors for features/);
    }));
});
