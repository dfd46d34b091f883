// The paper's appendix A on the command line: training and testing boxes of drawings.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { drawings, forms } from '../localisation/forms.js';
import { verydeepHere, withFolder } from '../support.js';

const small =
  '--config A --width 0.0625 --blocks 2 --input-size 16 --fully-connected 8 --init he --batch 4 --workers 1 --threads 1 --engine onnxruntime --quiet'.split(
    ' ',
  );

describe('localisation on the command line', () => {
  it('trains from the net of classes, tests simply and fully, and prints the tables beside the paper’s', () =>
    withFolder(async (root) => {
      const data = join(root, 'data');
      await forms['CSV']!.make(data, await drawings(4, 2));
      const ran = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await verydeepHere(...args);
        assert.equal(code, 0, stderr);
        return stdout;
      };
      const of = (name: string): string => join(root, name, 'backbone.safetensors');
      await ran(
        ...['train', 'csv', '--data', data, '--epochs', '1', '--out', join(root, 'classes'), ...small],
      );
      const boxes = ['--task', 'localisation', '--init-from', of('classes'), '--epochs', '1', '--tune', 'fc'];
      const trained = await ran(
        'train',
        'csv',
        '--data',
        data,
        ...boxes,
        '--out',
        join(root, 'boxes'),
        '--json',
        ...small,
      );
      const { withoutBox, history } = JSON.parse(trained) as {
        withoutBox: object;
        history: { validationMeanIou: number; learningRate: number }[];
      };
      assert.deepEqual(withoutBox, { train: 0, validation: 0 });
      assert.equal(history[0]!.learningRate, 1e-3);
      const common = [
        '--dataset',
        'csv',
        '--data',
        data,
        '--backbone',
        of('boxes'),
        '--engine',
        'onnxruntime',
      ];
      const simple = await ran(
        ...['evaluate', 'ilsvrc2012-localisation', ...common, '--box-testing', 'simplified'],
        ...['--out', join(root, 'simple')],
      );
      assert.match(simple, /A PCR S 18 +\d+\.\d \(/);
      assert.match(simple, /the mean box of the class +\d/);
      assert.match(simple, /paper, table 8, on val: PCR, all layers +33\.1/);
      const full = await ran(
        ...['evaluate', 'ilsvrc2012-localisation', ...common, '--class-net', of('classes')],
        ...['--scales', '18,24', '--out', join(root, 'full')],
      );
      assert.match(full, /A PCR S 18, Q 18, 24 +\d/);
      assert.match(full, /classes, and the whole image +\d/);
      assert.match(full, /paper, table 9, on val: S 384, Q 352, 384 +27\.5/);
    }));
});
