import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { evaluate } from '../../../benchmarks/protocol/evaluate.js';
import { packed, serverFiles, writeServerFiles } from '../../../benchmarks/protocol/server-files.js';
import { voc2012 } from '../../../benchmarks/voc2012.js';
import { averagePrecision } from '../../../src/evaluation/average-precision.js';
import { MISSING } from '../../../src/evaluation/ranking.js';
import { parseResultFile } from '../../../src/evaluation/voc-results.js';
import { withFolder } from '../../support.js';
import { makeStore } from '../stores.js';
import { vocLike } from '../voc-like.js';

const unpacked = async (archive: Uint8Array): Promise<Map<string, string>> => {
  const files = new Map<string, string>();
  const reader = extract();
  reader.end(gunzipSync(archive));
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(entry.header.name, Buffer.concat(chunks).toString());
  }
  return files;
};

describe('result files of a benchmark', () => {
  it('give the figure again when they are read, and are packed where the server looks', () =>
    withFolder(async (folder) => {
      const { dataset, rows } = vocLike();
      const descriptors = await openDescriptors([await makeStore(join(folder, 'a'), rows)]);
      const { outcomes } = await evaluate(voc2012, dataset, descriptors, {
        seed: 1,
        svm: { threads: 1 },
        bootstrap: { resamples: 10 },
      });
      const server = { folder: 'results/VOC2012/Main', competition: 'comp2_cls' };
      const { files, archives } = await writeServerFiles(folder, 'voc2012', outcomes, server);
      assert.deepEqual(archives, ['voc2012-results.tar.gz']);
      assert.ok(files.every((file) => existsSync(join(folder, file))));

      const val = dataset.splits['val']!;
      const text = await readFile(join(folder, 'results/VOC2012/Main/comp2_cls_val_cat.txt'), 'utf8');
      const scores = parseResultFile(text, 'cat', new Set(val.map(({ id }) => id)));
      const labels = val.map((item) =>
        item.labels.includes('cat') ? 1 : item.ignored?.includes('cat') ? 0 : -1,
      );
      const ap = averagePrecision(
        val.map(({ id }) => scores.get(id) ?? MISSING),
        labels,
        'all-points',
      );
      assert.equal(100 * ap, outcomes[0]!.perClass[1]!.figures['ap']);

      const packedFiles = await unpacked(await readFile(join(folder, archives[0]!)));
      assert.deepEqual(
        [...packedFiles.keys()],
        ['bird', 'cat', 'dog'].map((name) => `results/VOC2012/Main/comp2_cls_test_${name}.txt`),
      );
      for (const file of packedFiles.values()) assert.equal(file.trim().split('\n').length, 80);
    }));

  it('write a person as image and object, and the same bytes twice', async () => {
    const person = (id: string) => ({ id, path: id, source: { file: id }, labels: [] });
    const files = serverFiles(
      {
        name: 'test',
        classes: ['running'],
        test: [person('2010_006088#1'), person('2010_006088#3')],
        scores: { rows: 2, columns: 1, data: Float32Array.of(0.5, -0.25) },
      } as never,
      { folder: 'results/VOC2012/Action', competition: 'comp10_action' },
    );
    assert.deepEqual(files, [
      {
        path: 'results/VOC2012/Action/comp10_action_test_running.txt',
        text: '2010_006088 1 0.500000\n2010_006088 3 -0.250000\n',
      },
    ]);
    assert.deepEqual(await packed(files), await packed(files));
  });
});
