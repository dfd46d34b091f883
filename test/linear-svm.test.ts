// The SVMs of the library: the same as the command line's, from memory and from disk, saved and asked again.
import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LinearSvm, describe as describeImages, openFeatures, openNet } from '../src/index.js';
import { selectC } from '../src/classifiers.js';
import { oneVsRest } from '../src/classifiers/problem.js';
import { recallMetric } from '../benchmarks/protocol/caltech.js';
import { picture, pictures, randomBackbone, small } from './features/nets.js';
import { verydeep, withFolder } from './support.js';

const recipe = { scales: [32, 40] };

describe('descriptors in memory', () => {
  it('are those of a store on disk to the bit, bad images skipped alike, float16 included', () =>
    withFolder(async (folder) => {
      await randomBackbone(join(folder, 'net.safetensors'));
      const net = await openNet(join(folder, 'net.safetensors'), { threads: 1 });
      const items = await pictures(join(folder, 'photos'), 70);
      await writeFile(items[5]!.source.file, 'no image');
      for (const store of ['float32', 'float16'] as const) {
        const own = { ...recipe, layers: ['fc7', 'conv3_1'], store };
        const here = await describeImages(net, [...items].reverse(), { recipe: own });
        const there = await describeImages(net, items, { recipe: own, out: join(folder, store) });
        assert.equal(here.rows, 69);
        for (const key of [
          'hash',
          'nets',
          'ids',
          'paths',
          'labels',
          'sha256',
          'widths',
          'skipped',
        ] as const) {
          assert.deepEqual(here[key], there[key], key);
        }
        for (const layer of here.layers) {
          assert.deepEqual(await here.read(layer), await there.read(layer));
          const batches = async (features: typeof here): Promise<unknown[]> => {
            const all: unknown[] = [];
            for await (const { start, matrix } of features.batches(layer))
              all.push([start, [...matrix.data]]);
            return all;
          };
          const rows = (await batches(here)).length;
          assert.equal(rows, 2);
        }
      }
      await assert.rejects(
        describeImages(net, items, { recipe: { precision: 'int8' } }),
        /precision int8 needs a store on disk. Give out/,
      );
    }));
});

describe('LinearSvm', function () {
  this.timeout(60_000);

  it('chooses C as evaluate does, and is the same from memory, from disk and after saving; predict reads its file', () =>
    withFolder(async (folder) => {
      await randomBackbone(join(folder, 'net.safetensors'));
      const net = await openNet(join(folder, 'net.safetensors'), { threads: 1 });
      const items = await pictures(join(folder, 'photos'), 24);
      const x = await describeImages(net, items, { recipe });
      await describeImages(net, items, { recipe, out: join(folder, 'store') });
      const svm = await LinearSvm.fit(x, { threads: 1 });
      const chosen = await selectC(await x.read('fc7'), oneVsRest(['even', 'odd'], x.labels), recallMetric, {
        cFolds: 5, // 24 images are few
        threads: 1,
      });
      assert.deepEqual(svm.model.C, [chosen.C, chosen.C]);
      assert.deepEqual(svm.classes, ['even', 'odd']);

      const files = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
      await svm.save(files[0]!);
      await (
        await LinearSvm.fit(await openFeatures([join(folder, 'store')]), { threads: 1 })
      ).save(files[1]!);
      assert.deepEqual(await readFile(files[0]!), await readFile(files[1]!));
      const loaded = await LinearSvm.load(files[0]!);
      assert.deepEqual((await loaded.scores(x)).data, (await svm.scores(x)).data);

      const { file } = items[3]!.source;
      const answer = await loaded.predict(net, file);
      const [even, odd] = (await svm.scores(x)).data.subarray(2 * x.ids.indexOf(items[3]!.id));
      assert.deepEqual(answer, {
        path: file,
        class: even! > odd! ? 'even' : 'odd',
        scores: { even: even!, odd: odd! },
      });
      assert.deepEqual((await svm.predict(net, await readFile(file))).scores, answer.scores);
      assert.deepEqual((await svm.predict(net, items[3]!)).scores, answer.scores);
      const told = await verydeep([
        'predict',
        '--model',
        files[1]!,
        file,
        '--json',
        '--threads',
        '1',
        '--quiet',
      ]);
      assert.equal(told.code, 0, told.stderr);
      const { images } = JSON.parse(told.stdout) as { images: { scores: Record<string, number> }[] };
      assert.deepEqual(images[0]!.scores, answer.scores);
    }));

  it('lists images that cannot be read, throws for a single one, and names what does not fit', () =>
    withFolder(async (folder) => {
      await randomBackbone(join(folder, 'net.safetensors'));
      await randomBackbone(join(folder, 'other.safetensors'), small(), 2);
      const net = await openNet(join(folder, 'net.safetensors'), { threads: 1 });
      const items = await pictures(join(folder, 'photos'), 12);
      const x = await describeImages(net, items, { recipe });
      const svm = await LinearSvm.fit(x, { c: 1, threads: 1, calibrate: true });
      const { answers, skipped } = await svm.predictAll(net, [items[0]!, 'nowhere.jpg', new Uint8Array([1])]);
      assert.equal(answers.length, 1);
      assert.ok(Object.values(answers[0]!.probabilities!).every((p) => p > 0 && p < 1));
      assert.deepEqual(
        skipped.map(({ path, reason }) => [path, reason]),
        [
          ['nowhere.jpg', 'there is no such file'],
          ['image 3', 'it is no image of a known format'],
        ],
      );
      await assert.rejects(svm.predict(net, 'nowhere.jpg'), { name: 'ImageError', path: 'nowhere.jpg' });
      const other = await openNet(join(folder, 'other.safetensors'));
      await assert.rejects(
        svm.predict(other, 'a.jpg'),
        /a net with the weights that the SVMs were trained with/,
      );
      const others = await describeImages(other, items, { recipe });
      await assert.rejects(
        svm.scores(others),
        /descriptors of the recipe .*, which the model was trained on/,
      );
      const even = items.filter(({ labels }) => labels[0] === 'even');
      await assert.rejects(
        LinearSvm.fit(await describeImages(net, even, { recipe }), { c: 1 }),
        /images of at least two classes for LinearSvm.fit/,
      );
      await assert.rejects(openNet([]), /at least one backbone file/);
      await assert.rejects(describeImages(net, [], { recipe }), /at least one image/);
    }));

  it('of a store on disk knows where its nets lay, also one that version 0.1 wrote or several shards', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'net.safetensors');
      const { sha256 } = await randomBackbone(file);
      const net = await openNet(file, { threads: 1 });
      const items = await pictures(join(folder, 'photos'), 70);
      const out = join(folder, 'store');
      for (const index of [0, 1]) {
        const shard = { index, count: 2 };
        await describeImages(net, items, { recipe, out: join(folder, `shard-${index}`), shard });
      }
      const merged = await verydeep([
        ...['features', 'merge', join(folder, 'shard-0'), join(folder, 'shard-1')],
        ...['--out', out, '--quiet'],
      ]);
      assert.equal(merged.code, 0, merged.stderr);
      assert.deepEqual(await (await openFeatures([out])).weightFiles(), [file]);

      // Version 0.1 noted its command only.
      await rename(join(out, 'run-0-of-2.json'), join(folder, 'run.json'));
      await writeFile(join(out, 'run-1-of-2.json'), '{');
      assert.deepEqual(await (await openFeatures([out])).weightFiles(), [undefined]);
      await writeFile(join(out, 'run.json'), JSON.stringify({ command: ['extract', '--backbone', file] }));
      assert.deepEqual(await (await openFeatures([out])).weightFiles(), [file]);
      await writeFile(join(folder, 'picture.png'), await picture(40, 40, 1));
      const args = [
        '--c',
        '1',
        '--train-per-class',
        '20',
        '--splits',
        '1',
        '--save-models',
        '--threads',
        '1',
      ];
      const done = await verydeep(
        ['evaluate', 'folder', '--features', out, '--out', join(folder, 'run'), '--quiet'].concat(args),
      );
      assert.equal(done.code, 0, done.stderr);
      const svm = await LinearSvm.load(join(folder, 'run/models/split-1.safetensors'));
      assert.deepEqual(svm.model.extraction?.stacks[0]?.nets, [
        { sha256: await sha256(), config: 'A', path: file },
      ]);
      assert.ok((await svm.predict(net, join(folder, 'picture.png'))).class);
    }));
});
