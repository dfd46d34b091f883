// Checking copies on disk: what agrees, what is missing, superfluous or different, archives' sizes and checksums.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { innerMismatchOf } from '../../src/datasets/archives/inner.js';
import { type CheckReport, beyond, checkDataset, compareCounts, gapsIn } from '../../src/datasets/check.js';
import type { Item } from '../../src/datasets/dataset.js';
import { readVoc } from '../../src/datasets/voc.js';
import { countObjects } from '../../src/datasets/voc-objects.js';
import { UsageError } from '../../src/errors.js';
import { verydeep, withFolder } from '../support.js';
import { archived, unpacked, withSpoilt } from './made.js';

const item = (path: string, ...labels: string[]): Item => ({
  id: path,
  path,
  source: { file: `/${path}` },
  labels,
});

describe('compareCounts', () => {
  const dataset = {
    classes: ['a', 'b'],
    splits: { train: [item('1', 'a'), item('2', 'a', 'b'), item('3')], test: [item('4', 'b')] },
  };
  const published = {
    splits: { train: 3, test: 1 },
    classes: 2,
    images: { a: { train: 2, test: 0 }, b: { train: 1, test: 1 } },
  };

  it('finds nothing where all agrees', () => {
    const { counts, problems } = compareCounts(dataset, published);
    assert.deepEqual(problems, []);
    assert.deepEqual(counts, [
      { split: 'train', what: 'images', found: 3, published: 3 },
      { split: 'train', className: 'a', what: 'images', found: 2, published: 2 },
      { split: 'train', className: 'b', what: 'images', found: 1, published: 1 },
      { split: 'test', what: 'images', found: 1, published: 1 },
      { split: 'test', className: 'a', what: 'images', found: 0, published: 0 },
      { split: 'test', className: 'b', what: 'images', found: 1, published: 1 },
    ]);
  });

  it('names class and split of every difference, missing and superfluous classes, missing splits', () => {
    const other = {
      splits: { train: 1003, val: 1, test: 1 },
      classes: 3,
      images: { a: { train: 3, test: 0 }, c: { train: 1, test: 1 }, d: { train: 1, test: 0 } },
      least: 2,
    };
    assert.deepEqual(compareCounts(dataset, other, 'persons').problems, [
      'found 2 classes, expected 3',
      'missing classes: c, d',
      'classes that are not published: b',
      'the split "val" is missing',
      'train: found 3 persons, expected 1,003',
      'a, train: found 2 persons, expected 3',
      'b, train: found 1 images, expected at least 2',
      'a, test: found 0 images, expected at least 2',
      'b, test: found 1 images, expected at least 2',
    ]);
  });

  it('does not count classes where labels are not public', () => {
    const hidden = { classes: ['a', 'b'], splits: { test: [{ ...item('1'), ignored: ['a', 'b'] }] } };
    const { counts, problems } = compareCounts(hidden, { splits: { test: 1 }, classes: 2 });
    assert.deepEqual(counts, [{ split: 'test', what: 'images', found: 1, published: 1 }]);
    assert.deepEqual(problems, []);
  });
});

describe('gapsIn', () => {
  const items = [1, 2, 5].map((n) => item(`ant/image_000${n}.jpg`, 'ant'));

  it('names the numbers that are missing, up to the published count', () => {
    assert.deepEqual(gapsIn(items), ['ant/image_0003.jpg', 'ant/image_0004.jpg']);
    const published = { splits: {}, classes: 1, images: { ant: { all: 6 } } };
    assert.deepEqual(gapsIn(items, published), [
      'ant/image_0003.jpg',
      'ant/image_0004.jpg',
      'ant/image_0006.jpg',
    ]);
  });

  it('is content with a gap where no image is missing', () => {
    assert.deepEqual(gapsIn(items, { splits: {}, classes: 1, images: { ant: { all: 3 } } }), []);
  });
});

describe('countObjects', () => {
  it('counts objects that are not difficult, as worked out from the annotations', async () => {
    const root = await unpacked('voc2007');
    const dataset = await readVoc(2007, root);
    const { counts, problems } = await countObjects(2007, dataset, root);
    assert.deepEqual(problems, []);
    let persons = 0;
    for (const { id } of dataset.splits['train']!) {
      const xml = await readFile(join(root, `VOCdevkit/VOC2007/Annotations/${id}.xml`), 'utf8');
      persons += [...xml.matchAll(/<name>person<.*<difficult>0/g)].length;
    }
    assert.equal(counts['person']!['train'], persons);
    assert.ok(persons > 1);
  });

  it('names an annotation that does not agree with the labels', () =>
    withSpoilt(
      'voc2007',
      { 'VOCdevkit/VOC2007/Annotations/000001.xml': (text) => text.replace('<name>cat', '<name>cow') },
      async (root) => {
        const { problems } = await countObjects(2007, await readVoc(2007, root), root);
        assert.deepEqual(problems, [
          `${root}/VOCdevkit/VOC2007/Annotations/000001.xml does not agree with the labels of 000001 in ImageSets/Main`,
        ]);
      },
    ));
});

describe('checkDataset', () => {
  it('lists what differs in a copy that is far too small, unpacked or not', async () => {
    const report = await checkDataset('caltech101', await unpacked('caltech101'));
    assert.equal(report.ok, false);
    assert.ok(report.problems.includes('found 6 classes, expected 102'));
    assert.ok(report.problems.includes('ant, all: found 4 images, expected 42'));
    assert.ok(
      report.problems.some((line) =>
        /^\d+ images are missing, by number: BACKGROUND_Google\/image_0005.jpg/.test(line),
      ),
    );
    assert.deepEqual(
      report.strays.map(({ path }) => path),
      ['BACKGROUND_Google/tmp'],
    );
    const packed = await checkDataset('caltech256', await archived('caltech256'));
    assert.deepEqual(packed.archives, ['256_ObjectCategories.tar']);
    assert.ok(
      packed.problems.some((line) =>
        /^256_ObjectCategories\.tar: found the md5 [0-9a-f]{32}, expected 67b4f42c/.test(line),
      ),
    );
    assert.ok(packed.problems.includes('055.dice, all: found 4 images, expected at least 80'));
  });

  it('reports the size of an archive that was cut, and goes on to say where it ends', () =>
    withFolder(async (root) => {
      const whole = await readFile(join(await archived('voc2007'), 'VOCtest_06-Nov-2007.tar'));
      await writeFile(join(root, 'VOCtest_06-Nov-2007.tar'), whole.subarray(0, 30_000));
      const { ok, problems } = await checkDataset('voc2007', root);
      assert.equal(ok, false);
      assert.equal(problems[0], 'VOCtest_06-Nov-2007.tar: found 30,000 bytes, expected 451,020,800');
      assert.match(problems[1]!, /VOCtest_06-Nov-2007\.tar ends in the middle of|ends too early/);
    }));

  it('goes on after a list that it cannot read, and names all that is missing or superfluous', () =>
    withSpoilt(
      'voc2007',
      {
        'VOCdevkit/VOC2007/JPEGImages/000005.jpg': undefined,
        'VOCdevkit/VOC2007/JPEGImages/000030.jpg': undefined,
        'VOCdevkit/VOC2007/ImageSets/Main/cat_val.txt': undefined,
        'VOCdevkit/VOC2007/ImageSets/Main/dog_train.txt': (text) => `${text}000001  2\n`,
        'VOCdevkit/VOC2007/ImageSets/Main/cow_train.txt': (text) =>
          `${text.replace(/^000002.*\n/m, '')}000064 -1\n`,
      },
      async (root) => {
        const base = join(root, 'VOCdevkit/VOC2007');
        await writeFile(join(base, 'JPEGImages/009999.jpg'), 'x');
        const { problems, counts, ok } = await checkDataset('voc2007', root);
        await rm(join(base, 'JPEGImages/009999.jpg'));
        assert.equal(ok, false);
        const found = problems.filter((line) => !line.includes('expected'));
        assert.deepEqual(found.slice(0, 6), [
          `Expected a label 1, -1 or 0 for ${base}/ImageSets/Main/dog_train.txt line 25 but received "2".`,
          `${base}/ImageSets/Main/cow_train.txt: 1 of its ids are not in train.txt: 000064`,
          `${base}/ImageSets/Main/cow_train.txt: 1 images of train.txt have no label: 000002`,
          `${base}/ImageSets/Main: 1 of the 20 lists of val are missing: cat_val.txt`,
          `2 of 64 images of ${base}/JPEGImages are missing: 000005, 000030`,
          `1 of 63 files of ${base}/JPEGImages are in no list: 009999.jpg`,
        ]);
        // The splits whose lists are whole are counted all the same; a class has one main image and more by chance.
        const whole = counts.find(({ split, className }) => split === 'test' && className === undefined);
        assert.deepEqual([whole!.found, whole!.published], [20, 4952]);
        assert.ok(counts.some(({ split, className }) => split === 'test' && className === 'cat'));
        assert.ok(!counts.some(({ split, className }) => split === 'train' && className === 'cat'));
      },
    ));

  it('counts objects where images are missing, and goes on after annotations that cannot be read', () =>
    withSpoilt(
      'voc2007',
      {
        'VOCdevkit/VOC2007/JPEGImages/000005.jpg': undefined,
        'VOCdevkit/VOC2007/Annotations/000006.xml': (text) => text.slice(0, 100),
        'VOCdevkit/VOC2007/Annotations/000007.xml': (text) => text.replace(/<size>.*?<\/size>/s, ''),
      },
      async (root) => {
        const base = join(root, 'VOCdevkit/VOC2007');
        const { problems, counts } = await checkDataset('voc2007', root);
        const found = problems.filter((line) => !line.includes('expected'));
        assert.equal(found.length, 2, found.join('\n'));
        assert.equal(found[0], `1 of 64 images of ${base}/JPEGImages are missing: 000005`);
        assert.ok(found[1]!.startsWith(`Cannot read the annotation ${base}/Annotations/000006.xml`));
        assert.ok(counts.some(({ what, found: objects }) => what === 'objects' && objects > 0));
      },
    ));

  it('names images of Caltech-101 beyond the published ones, and goes on after an empty class', () => {
    const items = [1, 2, 3].map((n) => item(`ant/image_000${n}.jpg`, 'ant'));
    const published = (all: number) => ({ splits: {}, classes: 1, images: { ant: { all } } });
    assert.deepEqual(beyond(items, published(2)), ['ant/image_0003.jpg']);
    assert.deepEqual(beyond(items, published(3)), []);
    return withFolder(async (folder) => {
      for (const name of ['ant', 'crab'])
        await mkdir(join(folder, '101_ObjectCategories', name), { recursive: true });
      await writeFile(join(folder, '101_ObjectCategories/crab/image_0001.jpg'), 'x');
      const { counts, problems } = await checkDataset('caltech101', folder);
      assert.equal(counts.find(({ className }) => className === 'ant')!.found, 0);
      assert.ok(problems.includes('ant, all: found 0 images, expected 42'));
      assert.ok(
        problems.some((line) => /^72 images are missing, .*crab\/image_0002.jpg/.test(line)),
        problems.join(),
      );
    });
  });

  it('refuses a folder that is not there', async () => {
    await assert.rejects(checkDataset('voc2007', '/no/such'), UsageError);
    await assert.rejects(checkDataset('nothing', '.'), UsageError);
  });
});

describe('innerMismatchOf', () => {
  it('verifies the archive inside a .zip', async () => {
    const folder = await archived('caltech101');
    const inner = await readFile(join(folder, '101_ObjectCategories.tar.gz'));
    const md5 = createHash('md5').update(inner).digest('hex');
    const sha256 = createHash('sha256').update(inner).digest('hex');
    const zip = join(folder, 'caltech-101.zip');
    const file = '101_ObjectCategories.tar.gz';
    assert.equal(await innerMismatchOf(zip, { file, checksum: { md5, sha256 } }), undefined);
    const wrong = { file, checksum: { md5, sha256: `0${sha256.slice(1)}x` } };
    assert.deepEqual(await innerMismatchOf(zip, wrong), {
      algorithm: 'sha256',
      expected: wrong.checksum.sha256,
      received: sha256,
    });
    await assert.rejects(
      innerMismatchOf(zip, { file: 'other', checksum: { md5 } }),
      /Expected other in the archive/,
    );
  });
});

describe('verydeep datasets', () => {
  it('lists the data sets', async () => {
    const { code, stdout } = await verydeep(['datasets', 'list', '--json']);
    assert.equal(code, 0);
    const { datasets } = JSON.parse(stdout) as {
      datasets: { name: string; classes?: number; archives: unknown[] }[];
    };
    const voc = datasets.find(({ name }) => name === 'voc2007')!;
    assert.equal(voc.classes, 20);
    assert.deepEqual(voc.archives, [
      { file: 'VOCtrainval_06-Nov-2007.tar', bytes: 460_032_000, login: false },
      { file: 'VOCtest_06-Nov-2007.tar', bytes: 451_020_800, login: false },
    ]);
  });

  it('checks: exit code 1 and a line for each difference; 2 for wrong usage', async () => {
    const data = await unpacked('caltech256');
    const text = await verydeep(['datasets', 'check', 'caltech256', '--data', data, '--quiet']);
    assert.equal(text.code, 1);
    assert.match(text.stdout, /^Differs: found 6 classes, expected 257$/m);
    assert.match(
      text.stdout,
      /^Skipped: 198\.spider\/RENAME2 \(not named like an image of this data set\)$/m,
    );
    const json = await verydeep(['datasets', 'check', 'caltech256', '--data', data, '--json', '--quiet']);
    assert.equal((JSON.parse(json.stdout) as CheckReport).ok, false);
    const missing = await verydeep(['datasets', 'check', 'voc2007', '--data', '/no/such']);
    assert.deepEqual(
      [missing.code, missing.stderr],
      [2, 'verydeep: Expected an existing folder for --data but received "/no/such".\n'],
    );
    assert.equal((await verydeep(['datasets', 'check', 'voc2007'])).code, 2);
  });

  it('checks a folder of class folders, of which nothing is published', () =>
    withFolder(async (root) => {
      await mkdir(join(root, 'ant'));
      const from = join(await unpacked('caltech101'), '101_ObjectCategories/ant/image_0001.jpg');
      await copyFile(from, join(root, 'ant', '1.jpg'));
      const { code, stdout } = await verydeep(['datasets', 'check', 'folder', '--data', root, '--quiet']);
      assert.equal(code, 0);
      assert.match(stdout, /: readable; there are no published figures to compare it with\.$/m);
      await rm(join(root, 'ant', '1.jpg'));
      const empty = await verydeep(['datasets', 'check', 'folder', '--data', root]);
      assert.equal(empty.code, 2);
      assert.match(empty.stderr, /^verydeep: Expected images in the class folder .*ant but found none\./);
    }));

  it('says where to get what needs a login, and ends with 1', () =>
    withFolder(async (out) => {
      const { code, stdout } = await verydeep(['datasets', 'download', 'imagenet', '--out', out]);
      assert.equal(code, 1);
      assert.ok(
        stdout.includes(
          `ILSVRC2012_img_val.tar: needs a login. Get it from https://image-net.org/download-images.php and put it at ${join(out, 'ILSVRC2012_img_val.tar')}.\n`,
        ),
      );
    }));
});
