// The published figures against each other: columns of the tables add up to the published totals.
import assert from 'node:assert/strict';
import { publishedArchives } from '../../src/datasets/archives/published.js';
import { datasetNames } from '../../src/datasets/open.js';
import { publishedCounts } from '../../src/datasets/published.js';
import { VOC_CLASSES } from '../../src/datasets/voc.js';

const sum = (table: Readonly<Record<string, Readonly<Record<string, number>>>>, split: string): number =>
  Object.values(table).reduce((total, row) => total + row[split]!, 0);

describe('published figures', () => {
  it('have the published totals of objects of VOC', () => {
    // Totals as printed in the development kits.
    const totals = { voc2007: [6301, 6307, 12_608, 12_032], voc2012: [13_609, 13_841, 27_450] };
    for (const [name, expected] of Object.entries(totals)) {
      const { objects, images } = publishedCounts[name]!;
      assert.deepEqual(Object.keys(objects!), VOC_CLASSES);
      assert.deepEqual(Object.keys(images!), VOC_CLASSES);
      const splits = ['train', 'val', 'trainval', 'test'].slice(0, expected.length);
      assert.deepEqual(
        splits.map((split) => sum(objects!, split)),
        expected,
      );
    }
  });

  it('have no class with more images than objects, or than the split', () => {
    for (const name of ['voc2007', 'voc2012']) {
      const { objects, images, splits } = publishedCounts[name]!;
      for (const [className, row] of Object.entries(images!)) {
        for (const [split, count] of Object.entries(row)) {
          assert.ok(
            count <= objects![className]![split]! && count < splits[split]!,
            `${name} ${className} ${split}`,
          );
        }
      }
    }
  });

  it('have 102 classes and 9,144 images of Caltech-101, 8,677 without the background', () => {
    const { images, classes, splits } = publishedCounts['caltech101']!;
    assert.equal(Object.keys(images!).length, classes);
    assert.equal(sum(images!, 'all'), splits['all']);
    assert.equal(sum(images!, 'all') - images!['BACKGROUND_Google']!['all']!, 8677);
    assert.equal(Math.min(...Object.values(images!).map(({ all }) => all!)), 31);
  });

  it('join splits to trainval', () => {
    for (const { splits } of Object.values(publishedCounts)) {
      if (splits['trainval'] !== undefined)
        assert.equal(splits['trainval'], splits['train']! + splits['val']!);
    }
  });

  it('know archives of every data set that has any, with well-formed checksums', () => {
    const named = Object.keys(publishedArchives);
    assert.deepEqual(
      [...named].sort(),
      datasetNames.filter((name) => !['folder', 'csv', 'idx'].includes(name)).sort(),
    );
    for (const archive of Object.values(publishedArchives).flat()) {
      const checksum = archive.checksum ?? archive.inner!.checksum;
      assert.match(checksum.sha256!, /^[0-9a-f]{64}$/, archive.file);
      if (checksum.md5 !== undefined) assert.match(checksum.md5, /^[0-9a-f]{32}$/, archive.file);
      assert.ok(archive.urls.length > 0 !== (archive.page !== undefined), archive.file);
      for (const url of archive.urls) assert.ok(url.endsWith(`/${archive.file}`), url);
    }
  });
});
