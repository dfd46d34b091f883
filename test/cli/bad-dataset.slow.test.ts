// What a data set can have wrong, on the command line: one line names the file, and the line where there is one.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Spoil, archived, withSpoilt } from '../datasets/made.js';
import { randomBackbone, small } from '../features/nets.js';
import { verydeep, withFolder } from '../support.js';

const MAIN = 'VOCdevkit/VOC2007/ImageSets/Main';
const cases: readonly (readonly [
  what: string,
  data: 'voc2007' | 'voc2012',
  path: string,
  spoil: Spoil,
  message: RegExp,
])[] = [
  [
    'a class file is missing',
    'voc2007',
    `${MAIN}/cat_train.txt`,
    undefined,
    /Main\/cat_train\.txt but received "no such file"/,
  ],
  [
    'an id has no image',
    'voc2007',
    'VOCdevkit/VOC2007/JPEGImages/000005.jpg',
    undefined,
    /JPEGImages\/000005\.jpg for .*train\.txt line 5/,
  ],
  [
    'a label is unknown',
    'voc2007',
    `${MAIN}/dog_val.txt`,
    (text) => text.replace(/ ?-1\n/, ' 7\n'),
    /Main\/dog_val\.txt line \d+ but received "7"/,
  ],
  [
    'a year is mixed up',
    'voc2007',
    `${MAIN}/dog_val.txt`,
    (text) => text.replace(/^\d+/, '2008_000002'),
    /dog_val\.txt line 1 .*years are mixed up/,
  ],
  [
    'labels are of another split',
    'voc2007',
    `${MAIN}/dog_train.txt`,
    (text) => text.replace(/^\d+/, '000060'),
    /dog_train\.txt line 1 but received "000060". It belongs to another split/,
  ],
  [
    'a class has no positives',
    'voc2007',
    `${MAIN}/cow_trainval.txt`,
    (text) => text.replace(/ 1\n/g, '-1\n'),
    /split trainval of .*none of cow.*cow_trainval\.txt/,
  ],
  [
    'an annotation lacks the indexed object',
    'voc2012',
    'VOCdevkit/VOC2012/Annotations/2010_000001.xml',
    (text) => text.replace(/<object>.*<\/object>\n(?=<\/annotation>)/, ''),
    /2010_000001\.xml for .*jumping_train\.txt line 1 but received "only 1 objects"/,
  ],
];

describe('bad data sets on the command line', () => {
  for (const [what, data, path, spoil, message] of cases) {
    it(`one line says that ${what}, before any work`, () =>
      withFolder((folder) =>
        withSpoilt(data, { [path]: spoil }, async (root) => {
          await randomBackbone(join(folder, 'net.safetensors'), small());
          const name = data === 'voc2007' ? data : 'voc2012-action';
          const { code, stderr } = await verydeep(
            ['evaluate', name, '--data', root, '--backbone', join(folder, 'net.safetensors')].concat([
              '--quiet',
              '--out',
              join(folder, 'out'),
            ]),
          );
          assert.equal(code, 2, stderr);
          assert.match(stderr, message);
          assert.equal(stderr.trim().split('\n').length, 1, stderr);
          assert.ok(!existsSync(join(folder, 'out/features')));
        }),
      ));
  }

  it('one line says that a download is half there, and one that results are there already', () =>
    withFolder(async (folder) => {
      const data = join(folder, 'data');
      await mkdir(data);
      const from = await archived('voc2007');
      await copyFile(join(from, 'VOCtrainval_06-Nov-2007.tar'), join(data, 'VOCtrainval_06-Nov-2007.tar'));
      const test = await readFile(join(from, 'VOCtest_06-Nov-2007.tar'));
      await writeFile(join(data, 'VOCtest_06-Nov-2007.tar'), test.subarray(0, 30_000));
      await randomBackbone(join(folder, 'net.safetensors'), small());
      const args = [
        'evaluate',
        'voc2007',
        '--data',
        data,
        '--backbone',
        join(folder, 'net.safetensors'),
        '--quiet',
      ];
      const half = await verydeep([...args, '--out', join(folder, 'out')]);
      assert.equal(half.code, 1);
      assert.match(
        half.stderr,
        /VOCtest_06-Nov-2007\.tar .*ends (in the middle of|too early).*[Dd]ownload it again/,
      );
      await mkdir(join(folder, 'used'));
      await writeFile(join(folder, 'used/results.json'), '{}');
      const used = await verydeep([...args, '--data', from, '--out', join(folder, 'used')]);
      assert.equal(used.code, 2);
      assert.match(used.stderr, /used given for --out already holds files\. Add --resume/);
      for (const { stderr } of [half, used]) assert.equal(stderr.trim().split('\n').length, 1);
    }));
});
