// Training for boxes: from the net of classes, resumed to the same bytes, and which layers move.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBackbone } from '../../../src/backbone/nets/backbone.js';
import { sha256OfFile } from '../../../src/io/files.js';
import { train, withTable } from '../../localisation/training.js';

describe('training for localisation', () => {
  it('starts from the net of classes, with a new last layer; a resumed run has the same bytes; figures are of boxes', () =>
    withTable(async (root) => {
      await train(root, 'classes', { epochs: 1 });
      const initFrom = join(root, 'classes', 'backbone.safetensors');
      const options = { task: 'localisation', initFrom, epochs: 2, checkpointEvery: 1 } as const;
      const whole = await train(root, 'whole', options);
      const [first, last] = [whole.result.history[0]!, whole.result.history.at(-1)!];
      assert.equal(first.learningRate, 1e-3);
      assert.ok(last.validationBoxError! >= 0 && last.validationMeanIou! > 0 && last.loss > 0);
      assert.equal(last.validationTop1Error, undefined);
      assert.match(await readFile(join(root, 'whole', 'report.html'), 'utf8'), /Mean IoU, validation/i);
      const net = await openBackbone(whole.result.backbone!);
      assert.equal(net.metadata.architecture.outputs, 8);
      assert.equal(net.metadata.boxes!.regression, 'pcr');
      const stop = new AbortController();
      const interrupted = await train(root, 'parts', {
        ...options,
        signal: stop.signal,
        onProgress: ({ done }) => {
          if (done === 4) stop.abort();
        },
      });
      assert.ok(interrupted.result.interrupted);
      const resumed = await train(root, 'parts', { ...options, resume: true });
      assert.equal(await sha256OfFile(resumed.result.backbone!), await sha256OfFile(whole.result.backbone!));
      await assert.rejects(
        train(root, 'parts', { ...options, regression: 'scr', resume: true }),
        /regression was pcr, is scr/,
      );
    }));

  it('with tune fc moves the fully-connected layers only', () =>
    withTable(async (root) => {
      await train(root, 'classes', { epochs: 0 });
      const initFrom = join(root, 'classes', 'backbone.safetensors');
      const before = await openBackbone(initFrom);
      const boxes = { task: 'localisation', regression: 'scr', initFrom, epochs: 1 } as const;
      for (const [tune, still] of [
        ['fc', true],
        ['all', false],
      ] as const) {
        const { result } = await train(root, tune, { ...boxes, tune });
        const after = await openBackbone(result.backbone!);
        for (const [name, isSame] of [
          ['conv1_1.weight', still],
          ['fc6.weight', false],
          ['fc7.weight', false],
        ] as const) {
          const [a, b] = [await before.read(name), await after.read(name)];
          assert.equal(
            a.every((value, i) => value === b[i]),
            isSame,
            `${tune} ${name}`,
          );
        }
        assert.equal(after.metadata.architecture.outputs, 4);
      }
      // A net of boxes goes on with its own last layer and unit.
      const on = await train(root, 'on', {
        ...boxes,
        initFrom: join(root, 'all/backbone.safetensors'),
        epochs: 0,
      });
      const [a, b] = [
        await openBackbone(join(root, 'all/backbone.safetensors')),
        await openBackbone(on.result.backbone!),
      ];
      assert.deepEqual(await a.read('fc8.weight'), await b.read('fc8.weight'));
      assert.deepEqual(a.metadata.boxes, b.metadata.boxes);
      await assert.rejects(
        train(root, 'no', { initFrom: join(root, 'all/backbone.safetensors') }),
        /Expected a net of classes for initFrom but .* predicts boxes/,
      );
    }));
});
