// What is wrong with a path that a user gave: one line names it, its option, what lies there, and what to do.
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { saveModel } from '../../src/classifiers/model-file.js';
import type { LinearModel } from '../../src/classifiers/model.js';
import { writeSafetensors } from '../../src/formats/safetensors.js';
import { randomBackbone, small } from '../features/nets.js';
import { writeStore } from '../features/stores.js';
import { verydeepHere, withFolder } from '../support.js';

const model: LinearModel = {
  classes: ['a', 'b'],
  weights: { rows: 2, columns: 3, data: new Float32Array(6) },
  biases: new Float32Array(2),
  C: [1, 1],
  loss: 'hinge',
  bias: 'augmented',
  certificates: [],
  notes: [],
} as unknown as LinearModel;

/** A folder with a net, a model, a checkpoint, descriptors, photographs in class folders, and links and names of all kinds. */
const withFiles = (use: (at: (path: string) => string) => Promise<void>): Promise<void> =>
  withFolder(async (folder) => {
    const at = (path: string): string => join(folder, path);
    for (const path of ['run/models', 'photos/a', 'photos/b', 'empty', 'store'])
      await mkdir(at(path), { recursive: true });
    await randomBackbone(at('run/backbone.safetensors'), small());
    await saveModel(at('run/models/split-1.safetensors'), model);
    await writeSafetensors(at('run/checkpoint.safetensors'), { verydeepTraining: '{}' }, []);
    await writeStore(at('store'), 3);
    const [part] = (await readdir(at('store'))).filter((name) => name.endsWith('.arrow'));
    await copyFile(at(`store/${part}`), at('part.arrow'));
    for (const path of ['photos/a/1.png', 'photos/a/2.png', 'photos/b/1.png', 'photos/b/2.png', 'x.txt'])
      await writeFile(at(path), 'x');
    await writeFile(at('table.csv'), 'path\nphotos/a/1.png\n');
    await symlink(at('loop'), at('loop'));
    await use(at);
  });

const refused = async (args: readonly string[], ...messages: readonly RegExp[]): Promise<void> => {
  const { code, stderr } = await verydeepHere(...args);
  assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
  for (const message of messages) assert.match(stderr, message);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  assert.doesNotMatch(stderr, /unexpected|E[A-Z]{4,}:/);
};

describe('paths on the command line', function () {
  this.timeout(30_000);

  it('a folder for a file, a link to itself, a name too long, a file as folder: each in words, with its option', () =>
    withFiles(async (at) => {
      const long = at('n'.repeat(300));
      const [photos, net, svm] = [
        at('photos'),
        at('run/backbone.safetensors'),
        at('run/models/split-1.safetensors'),
      ];
      const extract = ['extract', 'folder', '--data', photos, '--out', at('z'), '--backbone'];
      const train = ['train', 'folder', '--data', photos, '--quiet', '--out', at('z')];
      const places: readonly (readonly [args: readonly string[], of: string])[] = [
        [extract, '--backbone'],
        [['predict', photos, '--model'], '--model'],
        [['predict', photos, '--model', svm, '--backbone'], '(--backbone|does not say how)'],
        [['predict', '--model', svm, '--boxes'], '--boxes'],
        [[...train, '--recipe'], '--recipe'],
        [[...train, '--init-from'], '--init-from'],
        [[...train, '--statistics'], '--statistics'],
        [[...train, '--teacher'], '--teacher'],
        [['weights', 'info'], 'backbone'],
        [['weights', 'export', '--format', 'onnx', '--out', at('z.onnx')], 'backbone'],
        [['weights', 'import', '--out', at('z.safetensors')], 'weight file'],
        [['weights', 'import', net, '--out', at('z.safetensors'), '--classes'], '--classes'],
      ];
      for (const [args, of] of places) {
        for (const path of [at('empty'), at('loop'), long, at('x.txt/inner'), at('none')])
          await refused([...args, path], new RegExp(of));
      }
      await refused(
        [...extract, at('run')],
        /--backbone: it is a folder\. Give the file in it: .*backbone\.safetensors/,
      );
      await refused(
        ['predict', photos, '--model', at('run')],
        /Give the file in it: .*models\/split-1\.safetensors/,
      );
      await refused(
        ['predict', photos, '--model', at('none')],
        /Cannot open the model .*none given for --model: there is no such file/,
      );
      for (const path of [at('loop'), long, at('x.txt/inner'), at('none'), at('x.txt')])
        await refused(['extract', 'folder', '--backbone', net, '--out', at('z'), '--data', path], /--data/);
      for (const path of [at('x.txt'), at('loop'), long, at('x.txt/inner')]) {
        for (const args of [
          ['extract', 'folder', '--backbone', net],
          ['evaluate', 'folder', '--train-per-class', '1', '--backbone', net],
          ['train', 'folder'],
        ])
          await refused([...args, '--data', photos, '--quiet', '--out', path], /--out/);
      }
      for (const path of [at('x.txt'), at('loop'), at('none'), photos])
        await refused(
          ['evaluate', 'folder', '--out', at('z'), '--features', path],
          /a folder of descriptors for --features/,
        );
      await refused(['features', 'info', photos], /for the argument <folder\.\.\.> but received/);
    }));

  it('a path that may not be read', async function () {
    if (process.getuid?.() === 0 || process.platform === 'win32') this.skip();
    await withFiles(async (at) => {
      await chmod(at('run/backbone.safetensors'), 0);
      await refused(['weights', 'info', at('run/backbone.safetensors')], /permission to read it is denied/);
    });
  });

  it('a file of another kind is recognised', () =>
    withFiles(async (at) => {
      const [net, svm, checkpoint, part, photos] = [
        'run/backbone.safetensors',
        'run/models/split-1.safetensors',
        'run/checkpoint.safetensors',
        'part.arrow',
        'photos',
      ].map(at) as [string, string, string, string, string];
      const extract = ['extract', 'folder', '--data', photos, '--out', at('z'), '--backbone'];
      await refused(
        [...extract, svm],
        /a backbone .* given for --backbone but received "a model of linear SVMs"/,
      );
      await refused(
        [...extract, checkpoint],
        /"the checkpoint of a training run"\. .*backbone\.safetensors beside it/,
      );
      await refused([...extract, part], /descriptors that `verydeep extract` wrote/);
      await refused(
        ['predict', photos, '--model', net],
        /a model of linear SVMs .* --model but received "a backbone"/,
      );
      await refused(['predict', photos, '--model', checkpoint], /"the checkpoint of a training run"/);
      await refused(
        ['predict', photos, '--model', part],
        /descriptors that `verydeep extract` wrote.*Give a model/,
      );
      await refused(['weights', 'import', svm, '--out', at('z.safetensors')], /"a model of linear SVMs"/);
      await refused(
        ['weights', 'import', part, '--out', at('z.safetensors')],
        /descriptors that `verydeep extract` wrote/,
      );
      const data = /images for --data .* It holds descriptors .* --features/;
      await refused(['extract', 'folder', '--backbone', net, '--out', at('z'), '--data', at('store')], data);
      await refused(['predict', '--model', svm, at('store')], /It holds descriptors/);
      await refused(
        ['extract', 'folder', '--backbone', net, '--out', at('z'), '--data', at('table.csv')],
        /a table is read as csv/,
      );
    }));

  it('a path for the kind of data set: the command that is meant; no model, or no backbone where ImageNet is tested: how to get one', () =>
    withFiles(async (at) => {
      const photos = at('photos');
      for (const command of ['extract', 'evaluate', 'train', 'datasets check', 'datasets stats'])
        await refused(
          [...command.split(' '), photos],
          new RegExp(`\`verydeep ${command} folder --data ${photos}\``),
        );
      await refused(['extract', at('table.csv')], /`verydeep extract csv --data .*table\.csv`/);
      await refused(
        ['predict', photos],
        /--model but received nothing\. `verydeep evaluate folder` with --save-models/,
      );
      const ways = /weights download .*`verydeep train`.*`verydeep weights import`/;
      await refused(['evaluate', 'ilsvrc2012', '--data', photos, '--out', at('z')], ways);
    }));
});
