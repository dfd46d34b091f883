// Training with too little memory for a whole batch: the same steps, and the same bytes after an interruption.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openCheckpoint } from '../../src/backbone/training/checkpoint.js';
import { sha256OfFile } from '../../src/io/files.js';
import { verydeep, withFolder } from '../support.js';
import { colourImages } from '../backbone/tf.js';

const colours = { blue: [30, 60, 220], green: [40, 200, 50], red: [220, 40, 30] } as const;
const small =
  '--input-size 32 --width 0.25 --fully-connected 64 --init he --batch 48 --workers 1 --threads 1 --validation 0'.split(
    ' ',
  );

describe('verydeep train on little memory', () => {
  it('resumes with the micro-batch of the run, whatever is free then, and ends with the same bytes', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 16, colours);
      const train = async (out: string, memory: string | undefined, ...more: string[]) =>
        verydeep(
          ['train', 'folder', '--data', join(root, 'data'), '--out', join(root, out), ...small, ...more],
          { env: memory === undefined ? {} : { VERYDEEP_MEMORY: memory } },
        );
      const backbone = (out: string): string => join(root, out, 'backbone.safetensors');

      const begun = await train('a', '0.275', '--epochs', '1');
      assert.equal(begun.code, 0, begun.stderr);
      const microBatch = Number(/micro-batch (\d+): /.exec(begun.stderr)![1]);
      assert.ok(microBatch < 48);
      const tight = await train('a', '0.2', '--epochs', '2', '--resume');
      assert.equal(tight.code, 2);
      assert.match(tight.stderr, /needs 0\.2 GB .*but 0\.2 GB are free/);
      const resumed = await train('a', undefined, '--epochs', '2', '--resume');
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(resumed.stderr, new RegExp(`^micro-batch ${microBatch}: `, 'm'));

      const whole = await train('b', undefined, '--epochs', '2', '--micro-batch', String(microBatch));
      assert.equal(whole.code, 0, whole.stderr);
      assert.doesNotMatch(whole.stderr, /micro-batch/);
      assert.equal(await sha256OfFile(backbone('a')), await sha256OfFile(backbone('b')));

      // Another number is taken, and said.
      const other = await train('a', undefined, '--epochs', '3', '--resume', '--micro-batch', '48');
      assert.equal(other.code, 0, other.stderr);
      assert.match(other.stderr, new RegExp(`micro-batch 48, before ${microBatch}: .*last bits`));
      const checkpoint = await openCheckpoint(join(root, 'a'));
      await checkpoint!.close();
      assert.equal(checkpoint!.header.options['microBatch'], 48);
    }));

  it('does not choose for batch normalisation, which goes by the images that are in the net at once', () =>
    withFolder(async (root) => {
      await colourImages(join(root, 'data'), 16, colours);
      const train = async (memory: string, ...more: string[]) =>
        verydeep(
          [
            ...['train', 'folder', '--data', join(root, 'data'), '--out', join(root, 'net'), '--batch-norm'],
            ...[...small, '--epochs', '1', ...more],
          ],
          { env: { VERYDEEP_MEMORY: memory } },
        );
      const tight = await train('0.25');
      assert.equal(tight.code, 2);
      assert.match(tight.stderr, /--micro-batch 48 needs .* Give --micro-batch \d+\. Batch normalisation/);
      const given = await train('0.25', '--micro-batch', '12');
      assert.equal(given.code, 0, given.stderr);
      const other = await train('10', '--micro-batch', '48', '--resume', '--epochs', '2');
      assert.equal(other.code, 2);
      assert.match(other.stderr, /--micro-batch was 12, is 48/);
      const same = await train('10', '--resume', '--epochs', '2');
      assert.equal(same.code, 0, same.stderr);
      assert.match(same.stderr, /^micro-batch 12: /m);
    }));
});
