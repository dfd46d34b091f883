// `verydeep predict --boxes NET`: a box with each class, in JSON, in words and drawn.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { overlap } from '../../src/evaluation/localisation.js';
import { decode } from '../../src/images/decode.js';
import { drawBoxes } from '../../src/images/draw-boxes.js';
import { loadImage } from '../../src/images/decode.js';
import { CLASSES, drawings } from '../localisation/forms.js';
import { nets } from '../localisation/nets.js';
import { verydeepHere, withFolder } from '../support.js';

describe('verydeep predict --boxes', () => {
  it('gives a box within the image with each class, and draws the boxes on copies', () =>
    withFolder(async (root) => {
      const { classifier, boxes } = await nets(root, CLASSES);
      const [one] = await drawings(1, 0);
      const image = join(root, 'one.png');
      await writeFile(image, one!.bytes);
      await writeFile(join(root, 'bad.png'), 'no image');
      const args = [
        'predict',
        '--boxes',
        boxes,
        '--class-net',
        classifier,
        '--engine',
        'onnxruntime',
        '--threads',
        '1',
      ];
      const drawn = join(root, 'drawn');
      const json = await verydeepHere(...args, '--json', '--drawn', drawn, image, join(root, 'bad.png'));
      assert.equal(json.code, 3, json.stderr);
      const { images, skipped } = JSON.parse(json.stdout) as {
        images: { path: string; class: string; ranking: Record<string, number | string>[] }[];
        skipped: { path: string }[];
      };
      assert.deepEqual(
        skipped.map(({ path }) => path),
        [join(root, 'bad.png')],
      );
      const [{ ranking, path }] = images as [(typeof images)[0]];
      assert.equal(path, image);
      assert.deepEqual(ranking.map((each) => each['class']).sort(), [...CLASSES]);
      assert.ok(Math.abs(ranking.reduce((sum, each) => sum + (each['probability'] as number), 0) - 1) < 1e-5);
      for (const { xmin, ymin, xmax, ymax } of ranking) {
        const all = [xmin, ymin, xmax, ymax] as number[];
        assert.ok(
          all.every((value) => Number.isInteger(value) && value >= 1 && value <= 32),
          String(all),
        );
        assert.ok(xmin! <= xmax! && ymin! <= ymax!);
      }
      const copy = await loadImage({ file: join(drawn, 'one.jpg') });
      assert.deepEqual([copy.width, copy.height], [32, 32]);
      const words = await verydeepHere(...args, '--top', '1', image);
      assert.match(words.stdout, /one\.png +n0\d+ .* at \d+,\d+ to \d+,\d+\n/);
      const refused = async (message: RegExp, ...more: string[]) => {
        const { code, stderr } = await verydeepHere('predict', ...more);
        assert.equal(code, 2, stderr);
        assert.match(stderr, message);
      };
      await refused(
        /Expected SVMs with --model, or a net of classes with --class-net/,
        '--boxes',
        boxes,
        image,
      );
      await refused(
        /Expected a net of boxes for --boxes .*predicts classes/,
        '--boxes',
        classifier,
        '--class-net',
        classifier,
        image,
      );
      await refused(
        /Expected a net of boxes with --boxes for --drawn/,
        '--model',
        boxes,
        '--drawn',
        drawn,
        image,
      );
    }));

  it('draws outlines where the boxes are', async () => {
    const image = { width: 80, height: 60, data: new Uint8Array(80 * 60 * 3) };
    const box = { x: 20, y: 10, width: 40, height: 30 };
    const bytes = await drawBoxes(image, [{ box, colour: '#ff0000' }])
      .png()
      .toBuffer();
    const { data } = await decode(new Uint8Array(bytes), 'drawn');
    const red: [number, number][] = [];
    for (let y = 0; y < 60; y++)
      for (let x = 0; x < 80; x++) if (data[(y * 80 + x) * 3]! > 100) red.push([x, y]);
    const [left, right] = [Math.min(...red.map(([x]) => x)), Math.max(...red.map(([x]) => x)) + 1];
    const [top, bottom] = [Math.min(...red.map(([, y]) => y)), Math.max(...red.map(([, y]) => y)) + 1];
    assert.ok(overlap({ x: left, y: top, width: right - left, height: bottom - top }, box) > 0.85);
    assert.ok(!red.some(([x, y]) => x > 25 && x < 55 && y > 15 && y < 35));
  });
});
