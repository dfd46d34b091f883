// The store and its exports, opened by pyarrow, polars, numpy and h5py as they are.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportFeatures } from '../../src/features/store/export/export.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { partFiles } from '../../src/features/store/reader.js';
import { writeStore } from '../features/stores.js';
import { root, withFolder } from '../support.js';
import { python } from './python.js';

const SCRIPT = `
import json, sys
import numpy, polars, pyarrow, pyarrow.parquet
arrow, npy, parquet = sys.argv[1:4]
table = pyarrow.ipc.open_file(arrow).read_all()
frame = polars.read_ipc(arrow, memory_map=False)
stream = pyarrow.ipc.open_stream(pyarrow.py_buffer(open(arrow, 'rb').read()[8:])).read_all()
print(json.dumps({
    'ids': table['id'].to_pylist(), 'labels': table['labels'].to_pylist(), 'fc7': table['fc7'].to_pylist(),
    'type': str(table.schema.field('fc7').type), 'hash': json.loads(table.schema.metadata[b'verydeep'])['hash'],
    'polars': frame['fc7'].to_list(), 'polarsIds': frame['id'].to_list(), 'stream': stream.equals(table),
    'npy': numpy.load(npy).tolist(), 'parquet': pyarrow.parquet.read_table(parquet)['fc7'].to_pylist(),
}))
`;

interface Seen {
  readonly [name: string]: unknown;
  readonly type: string;
  readonly stream: boolean;
}

describe('interop/features', () => {
  it('is what pyarrow, polars and numpy read', () =>
    withFolder(async (folder) => {
      await writeStore(folder, 40);
      const store = await openFeatures([folder]);
      const { data, columns, rows } = await store.read('fc7');
      const wanted = Array.from({ length: rows }, (_, i) => [
        ...data.subarray(i * columns, (i + 1) * columns),
      ]);
      const files = [(await partFiles(folder))[0]!, join(folder, 'x.npy'), join(folder, 'x.parquet')];
      await exportFeatures(store, 'npy', 'fc7', files[1]!);
      await exportFeatures(store, 'parquet', 'fc7', files[2]!);
      const seen = JSON.parse(await python(SCRIPT, files)) as Seen;
      assert.deepEqual([seen['ids'], seen['polarsIds']], [store.ids, store.ids]);
      assert.deepEqual(seen['labels'], store.labels);
      assert.match(seen.type, /^fixed_size_list<.*float.*>\[5\]$/);
      assert.equal(seen['hash'], store.hash);
      assert.ok(seen.stream, 'sequential readers see the same table');
      for (const name of ['fc7', 'polars', 'npy', 'parquet']) assert.deepEqual(seen[name], wanted, name);
    }));

  it('is read by the lines of Python that docs/extraction.md shows', () =>
    withFolder(async (folder) => {
      const photos = join(folder, 'features', 'photos');
      await mkdir(photos, { recursive: true });
      await writeStore(photos, 40);
      await writeFile(join(photos, 'run.json'), '{}\n');
      const store = await openFeatures([photos]);
      const { data, columns, rows } = await store.read('fc7');
      const page = await readFile(join(root, 'docs', 'extraction.md'), 'utf8');
      const shown = /```python\n(.*?)```/s.exec(page)![1]!;
      const script = `import json, os, sys\nos.chdir(sys.argv[1])\n${shown}\nprint(json.dumps([fc7.shape, fc7.ravel().tolist(), table['id'].to_pylist()]))`;
      const seen = JSON.parse(await python(script, [folder])) as unknown;
      assert.deepEqual(seen, [[rows, columns], [...data], store.ids]);
    }));
});
