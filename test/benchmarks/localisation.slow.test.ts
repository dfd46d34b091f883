// Localisation in every form of data set, against another reading of the development kit's rule; runs that are continued.
import assert from 'node:assert/strict';
import { cp, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluateLocalisation } from '../../benchmarks/ilsvrc2012-localisation.js';
import type { ImageGuesses } from '../../benchmarks/localisation/guesses.js';
import { shareOf } from '../../benchmarks/localisation/score.js';
import { VOC_CLASSES } from '../../src/datasets/voc.js';
import { AS_VOC, CLASSES, type Drawing, drawings, forms } from '../localisation/forms.js';
import { kitError } from '../localisation/kit.js';
import { nets } from '../localisation/nets.js';
import { withFolder } from '../support.js';

describe('evaluate ilsvrc2012-localisation', () => {
  let all: Drawing[];
  before(async () => {
    all = await drawings(2, 3);
  });

  it('every form of data set gives the same figures, which are the kit’s of the submission to the last digit', () =>
    withFolder(async (root) => {
      const figures = new Map<string, string>();
      for (const [form, { dataset, make }] of Object.entries(forms)) {
        const data = join(root, form);
        await make(data, all);
        const classes = dataset === 'voc2007' ? VOC_CLASSES : CLASSES;
        const { classifier, boxes } = await nets(root, classes);
        const out = join(root, `out ${form}`);
        const results = await evaluateLocalisation({
          ...{ data, out, dataset: dataset as 'imagenet', backbones: [boxes], classNet: [classifier] },
          ...{ scales: [18, 24], engine: { engine: 'onnxruntime', threads: 1 } },
        });
        assert.equal(results.images, 6);
        const { simplified, full, iouHistogram } = results;
        if (dataset !== 'voc2007')
          figures.set(
            form,
            JSON.stringify([simplified.map(({ error }) => error), full, iouHistogram.toSorted()]),
          );
        const rows = (await readFile(join(out, 'predictions.csv'), 'utf8')).trim().split('\n').slice(1);
        const lines = (await readFile(join(out, 'guesses.jsonl'), 'utf8')).trim().split('\n');
        const order = all.filter(({ split }) => split === 'val');
        const truthOf = (name: string) => {
          const number = Number(/(\d+)$/.exec(name)![1]);
          return order[dataset === 'voc2007' ? number - 5 : number - 1]!;
        };
        const predictions = rows.map((row) => {
          const parts = row.slice(row.indexOf(',') + 1).split(' ');
          return Array.from(
            { length: parts.length / 5 },
            (_, i) => [parts[5 * i]!, ...parts.slice(5 * i + 1, 5 * i + 5).map(Number)] as const,
          );
        });
        const truths = rows.map((row) => {
          const { wnid, corners } = truthOf(row.slice(0, row.indexOf(',')));
          return { label: dataset === 'voc2007' ? AS_VOC[wnid]! : wnid, boxes: [corners] };
        });
        assert.equal(full[0]!.top5Error.value, 100 * kitError(predictions, truths), form);
        const first = predictions.map((guesses) => guesses.slice(0, 1));
        assert.equal(full[0]!.top1Error.value, 100 * kitError(first, truths), form);
        const own = lines.map((line, i) => {
          const { central } = JSON.parse(line) as ImageGuesses;
          const [x, y, width, height] = central![0]![truths[i]!.label]!;
          return [[truths[i]!.label, x, y, x + width - 1, y + height - 1] as const];
        });
        assert.equal(simplified[0]!.error.value, 100 * kitError(own, truths), form);
      }
      assert.equal(new Set(figures.values()).size, 1, [...figures.values()].join('\n'));
      // Trivial answers: the whole image, of 1,024 pixels, by hand.
      const [one] = figures.values();
      const wrong = all.filter(
        ({ split, corners: [l, t, r, b] }) => split === 'val' && (r - l + 1) * (b - t + 1) < 512,
      ).length;
      assert.deepEqual((JSON.parse(one!) as [unknown[]])[0][1], shareOf(wrong, 6));
    }));

  it('continues an interrupted run with the same bytes; refuses other options, wrong nets and scales', () =>
    withFolder(async (root) => {
      const data = join(root, 'data');
      await forms['CSV']!.make(data, all);
      const { classifier, boxes } = await nets(root, CLASSES);
      const options = {
        ...{ data, dataset: 'csv' as const, backbones: [boxes], classNet: [classifier] },
        engine: { engine: 'onnxruntime', threads: 1 },
      } as const;
      const whole = join(root, 'whole');
      await evaluateLocalisation({ ...options, out: whole });
      const files = ['guesses.jsonl', 'predictions.csv', 'results.json', 'report.html'];
      const read = (out: string) => Promise.all(files.map((file) => readFile(join(out, file), 'utf8')));
      const parts = join(root, 'parts');
      await cp(whole, parts, { recursive: true });
      await truncate(join(parts, 'guesses.jsonl'), 700);
      await writeFile(join(parts, 'results.json'), '');
      await evaluateLocalisation({ ...options, out: parts });
      assert.deepEqual(await read(parts), await read(whole));
      const refused = (more: object, message: RegExp) =>
        assert.rejects(evaluateLocalisation({ ...options, out: whole, ...more }), message);
      await refused({ mergeThreshold: 0.4 }, /mergeThreshold was 0.5, is 0.4/);
      await refused({ classNet: [] }, /Expected a net of classes that rates the boxes for classNet/);
      await refused({ classNet: [boxes] }, /Expected a net of classes for classNet .*which predicts boxes/);
      await refused(
        { backbones: [classifier] },
        /Expected a net of boxes for backbone .*which predicts classes/,
      );
      await refused({ scales: [12] }, /Expected sides of at least the input size 16 for scales/);
      await cp(boxes, join(root, 'kept.safetensors'));
      await nets(root, ['a', 'b']);
      await refused(
        { out: join(root, 'other') },
        /Expected a net for the 2 classes of .* but it knows 2 others/,
      );
      await refused(
        { out: join(root, 'other'), backbones: [join(root, 'kept.safetensors')] },
        /Expected nets of the same 2 classes as .*kept\.safetensors but .*classes\.safetensors knows others \(a\)/,
      );
    }));
});
