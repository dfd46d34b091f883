// Which images train boxes, and what is refused.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { train, withTable } from '../../localisation/training.js';

describe('training for localisation', () => {
  it('leaves out and counts images without a box, clips and counts boxes that exceed the image', () =>
    withTable(async (root, table) => {
      const rows = (await readFile(table, 'utf8')).split('\n');
      rows[1] = rows[1]!.split(',').slice(0, 3).concat(['', '', '', '']).join(',');
      rows[2] = rows[2]!.split(',').slice(0, 3).concat(['-3', '5', '20', '40']).join(',');
      rows[3] = rows[3]!.split(',').slice(0, 3).concat(['40', '5', '50', '10']).join(',');
      await writeFile(table, rows.join('\n'));
      const notes: string[] = [];
      const { images, withoutBox } = await train(root, 'out', {
        ...{ task: 'localisation', epochs: 0, note: (note: string) => notes.push(note) },
      });
      assert.deepEqual(images, { train: 10, validation: 4 });
      assert.deepEqual(withoutBox, { train: 2, validation: 0 });
      assert.deepEqual(notes.slice(0, 3), [
        'Training images: 10 with a box of their class, 2 without, which are left out.',
        'Training images: 1 boxes exceed their image and are clipped.',
        'Training images: 1 boxes lie outside their image and are left out, the first of train-3.png.',
      ]);
    }));

  it('names a class without any box, other classes, and options that have no part', () =>
    withTable(async (root, table) => {
      await train(root, 'classes', { epochs: 0 });
      const initFrom = join(root, 'classes', 'backbone.safetensors');
      const text = await readFile(table, 'utf8');
      const localisation = { task: 'localisation', epochs: 0 } as const;
      await assert.rejects(
        train(root, 'no', { ...localisation, labelSmoothing: 0.1 }),
        /Expected task classification for labelSmoothing but received "localisation"/,
      );
      await assert.rejects(
        train(root, 'no', { ...localisation, orient: true }),
        /Boxes are in pixels of the image as stored/,
      );
      await writeFile(table, text.replace(/,n01443537,train,.*/g, ',n01443537,train,,,,'));
      await assert.rejects(
        train(root, 'no', localisation),
        /Expected a box of each class .* but no training image of n01443537 has one, such as train-/,
      );
      assert.equal((await train(root, 'scr', { ...localisation, regression: 'scr' })).images.train, 6);
      await writeFile(table, text.replaceAll('n01443537', 'n09999999'));
      await assert.rejects(
        train(root, 'no', { ...localisation, initFrom }),
        /Expected a net of the 2 classes in data for initFrom but .*backbone\.safetensors knows 2 others \(n09999999/,
      );
    }));
});
