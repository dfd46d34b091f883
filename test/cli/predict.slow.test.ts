// From a benchmark's saved SVMs to scores of images on the command line: table, JSON and CSV, images and boxes.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadModel } from '../../src/classifiers/model-file.js';
import { decisionValues } from '../../src/classifiers/model.js';
import { readBoxes } from '../../src/datasets/boxes.js';
import { openFeatures } from '../../src/features/store/reader.js';
import { randomBackbone, small } from '../features/nets.js';
import { makeCaltech } from '../fixtures/datasets/caltech.js';
import { makeVoc } from '../fixtures/datasets/voc.js';
import { verydeep, withFolder } from '../support.js';

/** The scores that the model gives an image whose descriptor evaluation left on disk. */
const scoresOnDisk = async (out: string, model: string, id: string): Promise<number[]> => {
  const store = await openFeatures([join(out, 'features')]);
  const { data, columns } = await store.read('fc7');
  const row = store.ids.indexOf(id);
  const matrix = { rows: 1, columns, data: data.slice(row * columns, (row + 1) * columns) };
  return [...decisionValues(await loadModel(join(out, model)), matrix).data];
};

interface Document {
  readonly images: readonly {
    readonly path: string;
    readonly xmin?: number;
    readonly class: string;
    readonly scores: Readonly<Record<string, number>>;
  }[];
  readonly skipped: readonly { readonly path: string }[];
}

describe('verydeep predict', function () {
  this.timeout(180_000);
  const args = ['--threads', '1', '--quiet'];

  it('gives probabilities where the SVMs were calibrated and says so; C chosen per class by folds; bad use is refused', () =>
    withFolder(async (folder) => {
      await makeCaltech(101, folder, { width: 48, perClass: 8 });
      await randomBackbone(join(folder, 'net.safetensors'), small());
      const data = join(folder, '101_ObjectCategories');
      const [out, net] = [join(folder, 'out'), join(folder, 'net.safetensors')];
      const evaluate = ['evaluate', 'folder', '--data', data, '--backbone', net, '--scales', '32', ...args];
      const done = await verydeep([
        ...[...evaluate, '--train-per-class', '6', '--splits', '1', '--save-models', '--out', out],
        ...[
          '--c-per-class',
          '--c-folds',
          '3',
          '--c-grid',
          '0.1,1,100',
          '--bias',
          'unregularised',
          '--calibrate',
        ],
      ]);
      assert.equal(done.code, 0, done.stderr);
      const file = join(out, 'models/split-1.safetensors');
      const model = await loadModel(file);
      assert.equal(model.bias, 'unregularised');
      assert.ok(model.C.every((C) => [0.1, 1, 100].includes(C)));
      assert.equal(model.sigmoids!.length, model.classes.length);
      const image = join(data, 'ant/image_0001.jpg');
      const { stdout, stderr } = await verydeep(['predict', '--model', file, image, '--json', ...args]);
      const { images, calibrated } = JSON.parse(stdout) as Document & { readonly calibrated: boolean };
      assert.ok(calibrated, stderr);
      const { scores, probabilities } = images[0] as Document['images'][0] & {
        readonly probabilities: Readonly<Record<string, number>>;
      };
      model.classes.forEach((name, c) => {
        const { a, b } = model.sigmoids![c]!;
        const wanted = 1 / (1 + Math.exp(a * scores[name]! + b));
        assert.ok(Math.abs(probabilities[name]! - wanted) < 1e-5);
      });
      // The likeliest class leads, with its probability; nothing says that a score accepts or rejects.
      const likely = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
      assert.deepEqual(
        Object.keys(probabilities),
        likely.map(([name]) => name),
      );
      const [[best, value]] = likely as [[string, number]];
      assert.equal(images[0]!.class, best);
      const table = await verydeep(['predict', '--model', file, image, '--csv', `${out}.csv`, ...args]);
      assert.equal(table.code, 0, table.stderr);
      const [header, row] = (await readFile(`${out}.csv`, 'utf8')).split('\n');
      assert.equal(header, `path,class,probability,${model.classes.join(',')}`);
      assert.ok(row!.startsWith(`${image},${best},${value},`), row);
      const shown = await verydeep(['predict', '--model', file, image, ...args]);
      const percents = [...shown.stdout.matchAll(/(\w+) (?:> |< )?(\d+) % \((-?\d+\.\d{3})\)/g)];
      assert.ok(percents.length > 1, shown.stdout);
      assert.equal(percents[0]![1], best);
      const numbers = percents.map(([, , percent]) => Number(percent));
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => b - a),
      );
      assert.doesNotMatch(shown.stdout, /accepted/);
      const refused = await verydeep([
        'evaluate',
        'voc2007',
        '--protocol',
        'vissl',
        '--calibrate',
        '--out',
        `${out}2`,
      ]);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /--calibrate/);
      const useless = await verydeep(['evaluate', 'voc2007', '--calibrate', '--out', `${out}3`]);
      assert.equal(useless.code, 2);
      assert.match(useless.stderr, /--save-models for --calibrate/);
    }));

  it('scores images with the recipe of an int8 model in fp32: table, JSON and CSV; bad images are skipped', () =>
    withFolder(async (folder) => {
      await makeCaltech(101, folder, { width: 48, perClass: 6 });
      await randomBackbone(join(folder, 'net.safetensors'), small());
      const data = join(folder, '101_ObjectCategories');
      const evaluate = (out: string, ...more: string[]) =>
        verydeep(
          ['evaluate', 'folder', '--data', data, '--backbone', join(folder, 'net.safetensors')].concat(
            ['--scales', '32,40', '--train-per-class', '4', '--splits', '1', '--c', '1', '--save-models'],
            ['--engine', 'onnxruntime', '--json', '--out', join(folder, out)],
            more,
            args,
          ),
        );
      const done = await evaluate('out');
      assert.equal(done.code, 0, done.stderr);

      const photos = join(folder, 'photos');
      await mkdir(photos);
      await writeFile(join(photos, 'ant.jpg'), await readFile(join(data, 'ant/image_0001.jpg')));
      await writeFile(join(photos, 'bad.jpg'), 'no image');
      const predict = (out: string, ...more: string[]) =>
        verydeep(
          [
            'predict',
            '--model',
            join(folder, out, 'models/split-1.safetensors'),
            '--engine',
            'onnxruntime',
          ].concat(args, more),
        );
      const json = await predict('out', photos, '--json');
      assert.equal(json.code, 3, json.stderr);
      const { images, skipped } = JSON.parse(json.stdout) as Document;
      assert.deepEqual(
        skipped.map(({ path }) => path),
        [join(photos, 'bad.jpg')],
      );
      const wanted = await scoresOnDisk(
        join(folder, 'out'),
        'models/split-1.safetensors',
        'ant/image_0001.jpg',
      );
      const { classes } = await loadModel(join(folder, 'out/models/split-1.safetensors'));
      assert.deepEqual(
        classes.map((name) => images[0]!.scores[name]),
        wanted,
      );
      assert.equal(images[0]!.class, classes[wanted.indexOf(Math.max(...wanted))]);

      const csv = await predict('out', photos, '--csv', join(folder, 'scores.csv'));
      assert.equal(csv.code, 3);
      assert.equal(
        await readFile(join(folder, 'scores.csv'), 'utf8'),
        `path,class,${classes.join(',')}\n${join(photos, 'ant.jpg')},${images[0]!.class},${wanted.join(',')}\n`,
      );
      const table = await predict('out', join(photos, 'ant.jpg'), '--top', '1');
      assert.equal(table.code, 0);
      assert.match(table.stdout, new RegExp(`ant.jpg +${images[0]!.class} -?\\d\\.\\d{3}\n`));

      const int8 = await evaluate('int8', '--precision', 'int8');
      assert.equal(int8.code, 0, int8.stderr);
      const [recipe] = (JSON.parse(int8.stdout) as { descriptors: { recipes: { precision: string }[] } })
        .descriptors.recipes;
      assert.equal(recipe!.precision, 'int8', int8.stderr);
      const close = JSON.parse((await predict('int8', join(photos, 'ant.jpg'), '--json')).stdout) as Document;
      classes.forEach((name, c) =>
        assert.ok(Math.abs(close.images[0]!.scores[name]! - wanted[c]!) < 0.15, name),
      );
    }));

  it('scores persons in boxes of a table, and names what is wrong with it', () =>
    withFolder(async (folder) => {
      await makeVoc(2012, folder, { width: 48, perClass: 1, perAction: 1 });
      const net = join(folder, 'net.safetensors');
      await randomBackbone(net, small());
      const [out, model] = [join(folder, 'out'), 'models/val.safetensors'];
      const done = await verydeep(
        `evaluate voc2012-action --data ${folder} --backbone ${net} --scales 32 --c 1 --save-models --out ${out}`
          .split(' ')
          .concat(args),
      );
      assert.equal(done.code, 0, done.stderr);
      // The person is the second object of the first image: its box as the annotation has it.
      const image = 'VOCdevkit/VOC2012/JPEGImages/2010_000001.jpg';
      const xml = await readFile(join(folder, 'VOCdevkit/VOC2012/Annotations/2010_000001.xml'), 'utf8');
      const corners = ['xmin', 'ymin', 'xmax', 'ymax'].map(
        (name) => [...xml.matchAll(new RegExp(`<${name}>(\\d+)<`, 'g'))][1]![1]!,
      );
      const table = join(folder, 'persons.csv');
      const predict = async (text: string, ...more: string[]) => {
        await writeFile(table, text);
        return verydeep(['predict', '--model', join(out, model), '--boxes', table, ...args, ...more]);
      };
      const header = 'path,xmin,ymin,xmax,ymax\n';
      const good = await predict(`${header}${image},${corners.join(',')}\n`, '--json');
      assert.equal(good.code, 0, good.stderr);
      const [person] = (JSON.parse(good.stdout) as Document).images;
      assert.equal(String(person!.xmin), corners[0]);
      const wanted = await scoresOnDisk(out, model, '2010_000001#2');
      const { classes } = await loadModel(join(out, model));
      assert.deepEqual(
        classes.map((name) => person!.scores[name]),
        wanted,
      );

      for (const [text, message] of [
        ['path,xmin\n', /rows of boxes for .*persons.csv/],
        [`path,xmin\n${image},1\n`, /a column "ymin" for .*persons.csv/],
        [
          `${header}${image},1,1,9,9\n${image},1,x,9,9\n`,
          /for ymin of .*persons.csv line 3 but received "x"/,
        ],
        [`${header}${image},5,1,4,9\n`, /a box with 1 <= xmin <= xmax .*persons.csv line 2/],
        [
          `${header}nowhere.jpg,1,1,9,9\n`,
          /an image file for .*persons.csv line 2 but received "nowhere.jpg"/,
        ],
      ] as const) {
        await writeFile(table, text);
        await assert.rejects(readBoxes(table), message);
      }
      const bare = await verydeep(['predict', '--model', join(out, model), join(folder, image), ...args]);
      assert.equal(bare.code, 2);
      assert.match(bare.stderr, /describes persons in boxes, but .*2010_000001.jpg has none. .*--boxes/);
      const neither = await verydeep(['predict', '--model', join(out, model)]);
      assert.match(neither.stderr, /images, or a table of boxes with --boxes/);
    }));
});
