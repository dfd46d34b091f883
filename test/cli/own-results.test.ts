// Results inside the data they were made of, classes named by numbers, and a system that lets few files be open.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { jsonOf } from '../../src/cli/output.js';
import { randomBackbone, small } from '../features/nets.js';
import { root, verydeep, withFolder } from '../support.js';

const CLASSES = ['10', '9', 'b', '0'];

/** Six images of a colour of its own in each class folder. */
const makeData = async (data: string): Promise<void> => {
  for (const [c, name] of CLASSES.entries()) {
    for (let i = 0; i < 6; i++) {
      const file = join(data, name, `${i}.png`);
      await mkdir(dirname(file), { recursive: true });
      const background = { r: 80 * c, g: 255 - 60 * c, b: 40 * i };
      await writeFile(
        file,
        await sharp({ create: { width: 40, height: 36, channels: 3, background } })
          .png()
          .toBuffer(),
      );
    }
  }
};

describe('verydeep on results of its own', function () {
  this.timeout(120_000);

  it('goes on with --out inside --data, and later commands see the same classes; scores come best first', () =>
    withFolder(async (folder) => {
      const data = join(folder, 'data');
      await makeData(data);
      const net = join(folder, 'net.safetensors');
      await randomBackbone(net, small());
      const common = ['--data', data, '--backbone', net, '--scales', '32', '--threads', '1', '--quiet'];
      const extract = ['extract', 'folder', ...common, '--out', join(data, 'features')];
      const first = await verydeep(extract);
      assert.equal(first.code, 0, first.stderr);
      const again = await verydeep([...extract, '--resume', '--json']);
      assert.equal(again.code, 0, again.stderr);
      const { images, computed } = JSON.parse(again.stdout) as { images: number; computed: number };
      assert.deepEqual([images, computed], [24, 0]);

      const out = join(data, 'runs', 'first');
      const evaluate = [
        'evaluate',
        'folder',
        ...common,
        '--train-per-class',
        '3',
        '--splits',
        '1',
        '--resamples',
        '5',
      ];
      const evaluated = await verydeep([...evaluate, '--save-models', '--out', out]);
      assert.equal(evaluated.code, 0, evaluated.stderr);
      const resumed = await verydeep([...evaluate, '--save-models', '--out', out, '--resume']);
      assert.equal(resumed.code, 0, resumed.stderr);
      const checked = await verydeep(['datasets', 'check', 'folder', '--data', data, '--json', '--quiet']);
      const report = JSON.parse(checked.stdout) as { counts: { className?: string }[]; strays: unknown };
      assert.deepEqual(
        report.counts.flatMap(({ className }) => className ?? []),
        [...CLASSES].sort(),
      );
      const reason = 'a folder of results that verydeep wrote';
      assert.deepEqual(report.strays, [
        { path: 'features', reason },
        { path: 'runs/first', reason },
      ]);

      const model = join(out, 'models', 'split-1.safetensors');
      const { stdout } = await verydeep([
        'predict',
        '--model',
        model,
        data,
        '--json',
        '--quiet',
        '--threads',
        '1',
      ]);
      const document = JSON.parse(stdout) as {
        images: {
          class: string;
          ranking: { class: string; score: number }[];
          scores: Record<string, number>;
        }[];
      };
      assert.equal(document.images.length, 24);
      // As the text has them: JavaScript itself would move "0", "9" and "10" to the front.
      const texts = [...stdout.matchAll(/"scores": \{([^}]*)\}/g)].map((match) =>
        [...match[1]!.matchAll(/"(\w+)": (-?[\d.e-]+)/g)].map(([, name, score]) => [name, Number(score)]),
      );
      document.images.forEach(({ class: best, ranking, scores }, i) => {
        assert.equal(ranking[0]!.class, best);
        assert.deepEqual(
          ranking.map(({ score }) => score),
          [...ranking.map(({ score }) => score)].sort((a, b) => b - a),
        );
        assert.deepEqual(
          texts[i],
          ranking.map(({ class: name, score }) => [name, score]),
        );
        assert.deepEqual(Object.keys(scores).sort(), [...CLASSES].sort());
      });
    }));

  it('works where 64 files may be open', function () {
    if (process.platform !== 'linux') this.skip();
    return withFolder(async (folder) => {
      const data = join(folder, 'data');
      await makeData(data);
      const net = join(folder, 'net.safetensors');
      await randomBackbone(net, small());
      const args = ['extract', 'folder', '--data', data, '--backbone', net, '--scales', '32', '--quiet'];
      const { status, stderr } = spawnSync(
        'sh',
        [
          '-c',
          'ulimit -n 64; exec "$@"',
          'sh',
          process.execPath,
          join(root, 'dist/src/cli/main.js'),
          ...args,
          '--out',
          join(folder, 'out'),
        ],
        { encoding: 'utf8' },
      );
      assert.equal(status, 0, stderr);
    });
  });

  it('writes JSON as JSON.stringify does, and Maps in their order', () => {
    const values = [
      { a: [1, { b: 'x"\n' }, null, [], {}], c: undefined, d: true, e: NaN, f: new Date(0) },
      [undefined, 1.5],
      'text',
      null,
    ];
    for (const value of values) assert.equal(jsonOf(value), JSON.stringify(value, null, 2));
    assert.equal(jsonOf({ a: new Map(Object.entries({ x: 1 })) }), '{\n  "a": {\n    "x": 1\n  }\n}');
    const map = new Map([
      ['b', 2],
      ['10', 1],
      ['9', 0],
    ]);
    assert.deepEqual(jsonOf(map).match(/"\w+"/g), ['"b"', '"10"', '"9"']);
  });
});
