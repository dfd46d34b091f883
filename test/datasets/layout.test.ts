// Splits, classes and mere levels by the names of folders: what people have, and what they are.
import assert from 'node:assert/strict';
import { layoutOf } from '../../src/datasets/layout.js';
import { namesOfSplits, splitNameOf } from '../../src/datasets/split-names.js';

/** "train:a" for each folder, or its reason. */
const read = (...folders: string[]): string[] =>
  folders.map((folder) => {
    const place = layoutOf(folders).get(folder)!;
    return 'reason' in place ? place.reason : `${place.split}:${place.className}`;
  });

describe('layoutOf', () => {
  it('takes folders as splits under any usual word and case', () => {
    for (const [train, val, test] of [
      ['train', 'val', 'test'],
      ['train', 'valid', 'testing'],
      ['Train', 'Validation', 'Test'],
      ['TRAINING', 'DEV', 'TEST'],
      ['training_set', 'validation_set', 'test_set'],
      ['trainset', 'valset', 'testset'],
      ['train2017', 'val2017', 'test2017'],
      ['Train Images', 'Val Images', 'Test Images'],
      ['01_train', '02_dev', '03_test'],
      ['seg_train', 'seg_val', 'seg_test'],
    ] as const) {
      const found = read(`${train}/a`, `${train}/b`, `${val}/a`, `${test}/b`);
      assert.deepEqual(found, ['train:a', 'train:b', 'val:a', 'test:b'], train);
    }
    assert.deepEqual(read('train/a', 'train/b'), ['train:a', 'train:b'], 'train alone');
    assert.deepEqual(read('trainval/a', 'test/a'), ['trainval:a', 'test:a']);
  });

  it('keeps the own name of a second folder for one split', () => {
    assert.deepEqual(read('train/a', 'val/a', 'dev/a', 'test/a'), ['train:a', 'val:a', 'dev:a', 'test:a']);
  });

  it('finds splits below a folder around everything, and below the classes', () => {
    assert.deepEqual(read('data/train/a', 'data/test/a'), ['train:a', 'test:a']);
    assert.deepEqual(read('x/y/training/a', 'x/y/testing/b/c'), ['train:a', 'test:b/c']);
    assert.deepEqual(read('cat/train', 'cat/test', 'dog/train'), ['train:cat', 'test:cat', 'train:dog']);
    assert.deepEqual(read('screw/train/good', 'nut/test/bad'), ['train:screw/good', 'test:nut/bad']);
    assert.deepEqual(read('seg_train/seg_train/sea', 'seg_test/seg_test/sea'), ['train:sea', 'test:sea']);
  });

  it('passes over a level for images', () => {
    assert.deepEqual(read('train/n1/images', 'train/n2/images', 'val/n1/images'), [
      'train:n1',
      'train:n2',
      'val:n1',
    ]);
    assert.deepEqual(read('images/train/a', 'images/test/a'), ['train:a', 'test:a']);
    assert.deepEqual(read('train/images/a', 'train/images/b', 'test/images/a'), [
      'train:a',
      'train:b',
      'test:a',
    ]);
    assert.deepEqual(read('images/a', 'images/b'), ['all:a', 'all:b']);
    assert.deepEqual(read('a/JPEGImages', 'b/JPEGImages'), ['all:a', 'all:b']);
    assert.deepEqual(read('a', 'a/images', 'b/images'), ['all:a', 'all:a', 'all:b']);
  });

  it('leaves classes that are named like splits or levels', () => {
    assert.deepEqual(read('car', 'plane', 'train'), ['all:car', 'all:plane', 'all:train']);
    assert.deepEqual(read('test', 'control', 'train'), ['all:test', 'all:control', 'all:train']);
    assert.deepEqual(read('vehicles/bus', 'vehicles/train', 'animals/cat'), [
      'all:vehicles/bus',
      'all:vehicles/train',
      'all:animals/cat',
    ]);
    assert.deepEqual(read('train/steam', 'train/diesel', 'bus/city'), [
      'all:train/steam',
      'all:train/diesel',
      'all:bus/city',
    ]);
    assert.deepEqual(read('dev/a', 'prod/a'), ['all:dev/a', 'all:prod/a']);
    assert.deepEqual(read('images', 'paintings'), ['all:images', 'all:paintings']);
    assert.deepEqual(read('a/images', 'a/drawings'), ['all:a/images', 'all:a/drawings']);
  });

  it('passes over what lies beside the splits, and images without a class in them', () => {
    assert.deepEqual(read('train/a', 'train/b', 'test'), ['train:a', 'train:b', 'in no class folder']);
    assert.deepEqual(read('train/a', 'test/a', 'chest/train/a'), ['train:a', 'test:a', 'beside the splits']);
    assert.deepEqual(read('training_set/a', 'single_prediction'), ['train:a', 'beside the splits']);
  });
});

describe('splitNameOf', () => {
  it('knows no split in other words', () => {
    for (const name of ['trainer', 'contest', 'latest', 'invalid', 'devil', 'a', 'value', 'évaluation', '']) {
      assert.equal(splitNameOf(name), undefined, name);
    }
  });

  it('names the splits of a column', () => {
    assert.deepEqual(
      [...namesOfSplits(['TRAIN', 'valid', 'dev', 'Test', 'fold 1'])],
      [
        ['TRAIN', 'train'],
        ['Test', 'test'],
        ['dev', 'val'],
        ['fold 1', 'fold 1'],
        ['valid', 'valid'],
      ],
    );
  });
});
