// Localisation from drawings to figures: the development kit's rule read twice, and images that cannot be tested.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { evaluateLocalisation } from '../../benchmarks/ilsvrc2012-localisation.js';
import { isLocalised } from '../../src/evaluation/localisation.js';
import { CLASSES, type Drawing, drawings, forms } from '../localisation/forms.js';
import { kitError } from '../localisation/kit.js';
import { nets } from '../localisation/nets.js';
import { withFolder } from '../support.js';

describe('evaluate ilsvrc2012-localisation', () => {
  let all: Drawing[];
  before(async () => {
    all = await drawings(2, 3);
  });

  it('the rule of the figures is the kit’s, for any guesses', () => {
    const corner = fc.integer({ min: 0, max: 9 });
    const box = fc
      .tuple(corner, corner, corner, corner)
      .map(([a, b, c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)] as const);
    const label = fc.constantFrom('a', 'b', 'c');
    const guesses = fc.array(fc.tuple(label, box), { maxLength: 5 });
    const asBox = ([x, y, right, bottom]: readonly number[]) => ({
      ...{ x: x!, y: y!, width: right! - x! + 1, height: bottom! - y! + 1 },
    });
    fc.assert(
      fc.property(guesses, label, fc.array(box, { minLength: 1, maxLength: 3 }), (mine, own, boxes) => {
        const wanted = kitError(
          [mine.map(([name, corners]) => [name, ...corners] as const)],
          [{ label: own, boxes }],
        );
        const right = isLocalised(
          mine.map(([name, corners]) => ({ label: name, box: asBox(corners) })),
          [own],
          boxes.map((each) => ({ label: own, box: asBox(each) })),
        );
        assert.equal(right ? 0 : 1, wanted);
      }),
      { numRuns: 500 },
    );
  });

  it('an image that cannot be read counts as an error, without a row of guesses; one without a box is left out', () =>
    withFolder(async (root) => {
      await forms['CSV']!.make(root, all);
      const { classifier, boxes } = await nets(root, CLASSES);
      const table = join(root, 'list.csv');
      const rows = (await readFile(table, 'utf8')).trim().split('\n');
      const last = rows.pop()!.split(',').slice(0, 3).concat(['', '', '', '']).join(',');
      await writeFile(table, [...rows, last, ''].join('\n'));
      const broken = await readFile(join(root, 'val-1.png'));
      await writeFile(join(root, 'val-1.png'), broken.subarray(0, broken.length - 80));
      const out = join(root, 'out');
      const results = await evaluateLocalisation({
        ...{ data: root, out, dataset: 'csv' as const, backbones: [boxes], classNet: [classifier] },
        engine: { engine: 'onnxruntime', threads: 1 },
      });
      assert.equal(results.images, 5);
      assert.equal(results.boxes.without, 1);
      assert.equal(results.skipped.length, 1);
      assert.ok(results.full[0]!.top5Error.value >= 20);
      assert.match(await readFile(join(out, 'predictions.csv'), 'utf8'), /\nval-1,\n/);
      const report = await readFile(join(out, 'report.html'), 'utf8');
      for (const part of ['Table 8', 'Table 9', 'Table 10', 'Worst boxes', 'data:image/jpeg', 'IoU'])
        assert.ok(report.includes(part), part);
    }));
});
