import assert from 'node:assert/strict';
import { chooseMicroBatch, largestEven } from '../../../src/backbone/training/micro-batch.js';
import { UsageError, render } from '../../../src/errors.js';

/** 1 GB, and a tenth of a GB for each image. */
const needsOf = (images: number) =>
  [
    ['weights', 1e9],
    ['activations', images * 1e8],
  ] as const;
const choose = (wanted: number | 'auto', gigabytes: number, batch = 256, isRecorded = false) =>
  chooseMicroBatch({
    wanted,
    isRecorded,
    batch,
    needsOf,
    free: { bytes: gigabytes * 1e9, source: 'a test' },
  });

const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UsageError);
  assert.match(
    render(error.pieces, (name) => `<${name}>`),
    pattern,
  );
  return true;
};

describe('largestEven', () => {
  const upTo = (most: number) => (images: number) => images <= most;

  it('is the whole batch where it fits, else the largest that divides it', () => {
    assert.equal(largestEven(256, upTo(256)), 256);
    assert.equal(largestEven(256, upTo(255)), 128);
    assert.equal(largestEven(256, upTo(100)), 64);
    assert.equal(largestEven(100, upTo(30)), 25);
    assert.equal(largestEven(256, upTo(1)), 1);
  });

  it('is the parts that are most even where what divides it is much smaller', () => {
    assert.equal(largestEven(97, upTo(50)), 49); // 49 and 48
    assert.equal(largestEven(97, upTo(30)), 25); // 25, 25, 25 and 22
    assert.equal(largestEven(74, upTo(36)), 25); // 37 does not fit, 2 is small: 25, 25 and 24
  });

  it('is nothing where not even one fits', () => assert.equal(largestEven(8, upTo(0)), undefined));
});

describe('the choice of the micro-batch', () => {
  it('takes as many images as fit into nine tenths of the free memory', () => {
    assert.deepEqual(choose('auto', 100), { images: 256, bytes: 26.6e9 });
    assert.deepEqual(choose('auto', 20), { images: 128, bytes: 13.8e9 });
    assert.deepEqual(choose('auto', 8.3), { images: 64, bytes: 7.4e9 }); // 7.47 may be used
    assert.deepEqual(choose('auto', 8.2), { images: 32, bytes: 4.2e9 }); // 7.38 may be used
    assert.deepEqual(choose('auto', 1.15), { images: 1, bytes: 1.1e9 }); // All of it, where nothing fits else.
  });

  it('takes the number that is asked for, as long as it fits at all', () => {
    assert.equal(choose(64, 7.5).images, 64);
    assert.equal(choose(1, 20).images, 1);
    assert.throws(
      () => choose(64, 7.3),
      refused(
        /^<microBatch> 64 needs 7\.4 GB of memory \(6\.4 GB for activations and 1\.0 GB for weights\), but 7\.3 GB are free \(a test\)\. Give <microBatch> 32\.$/,
      ),
    );
  });

  it('says what a run that is resumed needs, and what to give', () => {
    assert.throws(
      () => choose(64, 5, 256, true),
      refused(
        /^The <microBatch> 64 of the run to resume needs 7\.4 GB .* Free memory, or give <microBatch> 32: .* last bits/,
      ),
    );
  });

  it('says what another number changes, and gives none where a run that is resumed would become another', () => {
    const free = { bytes: 5e9, source: 'a test' };
    const normalised = { wanted: 64, batch: 64, needsOf, free, caution: 'It is another training then.' };
    assert.throws(
      () => chooseMicroBatch(normalised),
      refused(/^<microBatch> 64 needs .* Give <microBatch> 32\. It is another training then\.$/),
    );
    assert.throws(
      () => chooseMicroBatch({ ...normalised, isRecorded: true }),
      refused(
        /^The <microBatch> 64 of the run to resume needs .* Free memory, or continue where more is free\.$/,
      ),
    );
  });

  it('says so where not even one image fits', () => {
    for (const wanted of ['auto', 1, 8] as const) {
      assert.throws(
        () => choose(wanted, 1),
        refused(
          /^Training this net needs 1\.1 GB of memory even with <microBatch> 1 \(.*\), but 1\.0 GB are free \(a test\)\. .*<width>, <fullyConnected>, <inputSize>/,
        ),
      );
    }
  });
});
