// Merging and verifying: shards become one store, and what is missing, foreign or damaged is said.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { mergeFeatures } from '../../../src/features/store/merge.js';
import { verifyFeatures } from '../../../src/features/store/verify.js';
import { writePart } from '../../../src/features/store/writer.js';
import { verydeep, withFolder } from '../../support.js';
import { lengths, metadata, rows, writeStore } from '../stores.js';

describe('features/merge and verify', () => {
  const withShards = (use: (folder: string, shards: string[]) => Promise<void>) =>
    withFolder(async (folder) => {
      const shards = [join(folder, 'a'), join(folder, 'b'), join(folder, 'whole')];
      for (const each of shards) await mkdir(each);
      await writeStore(shards[0]!, 150, {}, [0, 2]);
      await writeStore(shards[1]!, 150, {}, [1]);
      await writeStore(shards[2]!, 150);
      await use(folder, shards);
    });

  it('gives the bytes of a single run', () =>
    withShards(async (folder, [a, b, whole]) => {
      const out = join(folder, 'out');
      const merged = await mergeFeatures([a!, b!], out);
      assert.deepEqual(merged, { parts: 3, rows: 150, skipped: 0 });
      const names = await readdir(whole!);
      assert.deepEqual(await readdir(out), names);
      for (const name of names)
        assert.deepEqual(await readFile(join(out, name)), await readFile(join(whole!, name)));
      assert.deepEqual((await verifyFeatures([out])).problems, []);
      assert.deepEqual((await verifyFeatures([a!, b!])).problems, []);
    }));

  it('refuses missing parts, and parts of another recipe or list', () =>
    withShards(async (folder, [a, b]) => {
      await assert.rejects(
        mergeFeatures([a!], join(folder, 'out')),
        /1 of 3 parts are missing \(the first is 1\)/,
      );
      assert.match((await verifyFeatures([a!])).problems.join(), /1 of 3 parts are missing: 1/);
      const foreign = join(folder, 'foreign');
      await mkdir(foreign);
      await writeStore(foreign, 150, { list: 'other' }, [1]);
      await assert.rejects(mergeFeatures([a!, foreign], join(folder, 'out')), /cannot be merged/);
      assert.match((await verifyFeatures([a!, foreign])).problems.join(), /another list of images/);
      const differs = join(folder, 'differs');
      await mkdir(differs);
      await writePart(differs, metadata(1, { images: 150, parts: 3 }), rows(64, 7), lengths);
      await assert.rejects(
        mergeFeatures([a!, b!, differs], join(folder, 'out')),
        /are the same part but differ/,
      );
    }));

  it('finds cut files and wrong numbers', () =>
    withShards(async (_, [a, , whole]) => {
      const name = (await readdir(whole!))[1]!;
      await truncate(join(whole!, name), 3000);
      const { problems, rows: left } = await verifyFeatures([whole!]);
      assert.ok(problems.some((problem) => problem.includes(name) && problem.includes('cut short')));
      assert.equal(left, 86);
      const bad = rows(3, 64);
      bad[1]!.descriptors['fc7']![2] = NaN;
      bad[2]!.descriptors['fc7']!.fill(0.5);
      await writePart(a!, metadata(1, { images: 89, parts: 3 }), bad, lengths);
      const text = (await verifyFeatures([a!])).problems.join('\n');
      assert.match(text, /fc7 of image 65\n.*has values that are not finite/);
      assert.match(text, /fc7 of image 66\n.*has length 1\.11803, not 1/);
    }));

  it('is a command: info, verify, merge, export, with exit codes', () =>
    withShards(async (folder, [a, b, whole]) => {
      const info = await verydeep(['features', 'info', whole!]);
      assert.equal(info.code, 0);
      assert.match(info.stdout, /150 images of 2 classes in 3 parts; 0 skipped\nfc7: 5 values per image/);
      const document = JSON.parse((await verydeep(['features', 'info', whole!, '--json'])).stdout) as object;
      assert.deepEqual((document as { columns: object }).columns, lengths);
      const verified = await verydeep(['features', 'verify', a!]);
      assert.equal(verified.code, 1);
      assert.match(verified.stderr, /1 of 3 parts are missing/);
      const out = join(folder, 'out');
      const merged = await verydeep(['features', 'merge', a!, b!, '--out', out, '--quiet']);
      assert.deepEqual([merged.code, merged.stderr], [0, '']);
      const exported = await verydeep([
        'features',
        'export',
        out,
        '--to',
        'csv',
        '--out',
        join(folder, 'x.csv'),
      ]);
      assert.match(exported.stdout, /150 descriptors of fc7\. Wrote /);
      const usage = await verydeep(['features', 'info', join(folder, 'none')]);
      assert.equal(usage.code, 2);
      assert.match(
        usage.stderr,
        /^verydeep: Expected a folder of descriptors for the argument <folder\.\.\.> but received ".*none"/,
      );
    }));
});
