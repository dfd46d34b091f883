// One ONNX file of preprocessing, net, SVMs and probabilities: beside `predict`, in Python's ONNX Runtime and in Chromium.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { exportModel } from '../../src/export-model.js';
import { Random } from '../../src/random.js';
import { randomBackbone, small } from '../features/nets.js';
import { root, verydeepHere } from '../support.js';
import { python } from './python.js';

const PROGRAM = `
import json, sys
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1])
names = [output.name for output in session.get_outputs()]
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
result = []
for path in sys.argv[2:]:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    result.append(dict(zip(names, (x.tolist() for x in session.run(None, {"image": pixels})))))
print(json.dumps([classes, result]))
`;

/** The page of docs/other-features.md, which runs a model in the browser. */
const pageOf = async (): Promise<string> => {
  const text = await readFile(join(root, 'docs', 'other-features.md'), 'utf8');
  return /```html\n(.*?)```/s.exec(text)![1]!;
};

interface Predicted {
  readonly images: readonly {
    readonly scores: Readonly<Record<string, number>>;
    readonly probabilities?: Readonly<Record<string, number>>;
  }[];
}

const CLASSES = ['blue', 'green', 'red'];

describe('interop/exported-model', function () {
  this.timeout(180_000);
  let folder: string;
  let photos: string[];

  /** A picture in which a colour leads, with noise. */
  const picture = async (
    file: string,
    kind: number,
    width: number,
    height: number,
    seed: number,
  ): Promise<void> => {
    const random = new Random('exported', seed);
    const data = Buffer.from(
      Array.from({ length: 12 * 12 * 3 }, (_, i) =>
        Math.min(255, random.below(180) + (i % 3 === 2 - kind ? 75 : 0)),
      ),
    );
    await sharp(data, { raw: { width: 12, height: 12, channels: 3 } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .png()
      .toFile(file);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verydeep-exported-'));
    for (const [kind, name] of CLASSES.entries()) {
      await mkdir(join(folder, 'photos', name), { recursive: true });
      for (let i = 0; i < 9; i++)
        await picture(join(folder, 'photos', name, `${i}.png`), kind, 40 + 9 * i, 70 - 3 * i, 10 * kind + i);
    }
    photos = [];
    // Larger and smaller than the scales, upright, flat, square.
    for (const [i, [width, height]] of (
      [
        [31, 64],
        [200, 150],
        [32, 32],
        [90, 41],
        [48, 300],
      ] as const
    ).entries()) {
      photos.push(join(folder, `${i}.png`));
      await picture(photos[i]!, i % 3, width, height, 100 + i);
    }
    await randomBackbone(join(folder, 'D.safetensors'), small({ config: 'D', width: 1 / 16 }), 1);
    await randomBackbone(join(folder, 'A.safetensors'), small({ config: 'A', width: 1 / 16 }), 2);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const trained = async (name: string, ...more: string[]): Promise<string> => {
    const out = join(folder, name);
    const { code, stderr } = await verydeepHere(
      ...[
        'evaluate',
        'folder',
        '--data',
        join(folder, 'photos'),
        '--backbone',
        join(folder, 'D.safetensors'),
      ],
      ...[
        '--train-per-class',
        '6',
        '--splits',
        '1',
        '--c',
        '1',
        '--save-models',
        '--threads',
        '2',
        '--out',
        out,
      ],
      ...['--resamples', '10', ...more],
    );
    assert.equal(code, 0, stderr);
    return join(out, 'models', 'split-1.safetensors');
  };

  const predicted = async (model: string): Promise<Predicted> => {
    const { code, stdout, stderr } = await verydeepHere('predict', '--model', model, ...photos, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Predicted;
  };

  const near = (actual: readonly number[], wanted: readonly number[], most: number, what: string): void =>
    wanted.forEach((x, c) =>
      assert.ok(Math.abs(x - actual[c]!) <= most, `${what}: ${actual.join()} ${wanted.join()}`),
    );

  for (const [name, ...flags] of [
    ['two nets, two scales, probabilities', '--calibrate', '--scales', '32,48', '--backbone', 'A'],
    [
      'stacked scales of conv4, without the mirrored image',
      '--aggregate',
      'stack',
      '--scales',
      '24,40',
      '--layer',
      'conv4',
      '--no-flip',
    ],
  ]) {
    it(`equals predict in Python's ONNX Runtime: ${name}`, async () => {
      const more = flags.map((flag) => (flag === 'A' ? join(folder, 'A.safetensors') : flag));
      const model = await trained(name!, '--resampling', 'pillow', ...more);
      const out = join(folder, `${flags.length}.onnx`);
      const { classes, remarks } = await exportModel(model, out);
      assert.deepEqual([classes, remarks], [CLASSES, []]);
      const [found, results] = JSON.parse(await python(PROGRAM, [out, ...photos])) as [
        string[],
        { scores: number[]; probabilities?: number[] }[],
      ];
      assert.deepEqual(found, CLASSES);
      const { images } = await predicted(model);
      images.forEach(({ scores, probabilities }, i) => {
        near(results[i]!.scores, CLASSES.map((each) => scores[each]!), 1e-4, photos[i]!); // prettier-ignore
        assert.equal(probabilities === undefined, results[i]!.probabilities === undefined);
        if (probabilities)
          near(results[i]!.probabilities!, CLASSES.map((each) => probabilities[each]!), 1e-4, 'probabilities'); // prettier-ignore
      });
    });
  }

  it('equals predict in Chromium, by the page of the docs, on pixels with alpha', async () => {
    const model = await trained('browser', '--resampling', 'pillow', '--scales', '32');
    await exportModel(model, join(folder, 'photos.onnx'));
    const page = await pageOf();
    const types: Readonly<Record<string, string>> = {
      '.mjs': 'text/javascript',
      '.wasm': 'application/wasm',
    };
    const web = dirname(fileURLToPath(import.meta.resolve('onnxruntime-web')));
    const server = createServer((request, response) => {
      const name = request.url!.slice(1);
      if (name === '') {
        response.setHeader('content-type', 'text/html').end(page);
        return;
      }
      const file = name === 'photos.onnx' ? join(folder, name) : join(web, name);
      readFile(file).then(
        (bytes) =>
          response.setHeader('content-type', types[extname(name)] ?? 'application/octet-stream').end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
    try {
      const tab = await browser.newPage();
      const problems: string[] = [];
      tab.on('pageerror', (error) => problems.push(error.message));
      await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await tab.waitForFunction("document.querySelector('input').onchange !== null");
      const { images } = await predicted(model);
      for (const [i, photo] of photos.entries()) {
        await tab.evaluate("document.querySelector('pre').textContent = ''");
        await tab.setInputFiles('input', photo);
        await tab.waitForFunction("document.querySelector('pre').textContent !== ''");
        const scores = (await tab.locator('pre').textContent())!.split(' ').map(Number);
        near(scores, CLASSES.map((each) => images[i]!.scores[each]!), 1e-4, photo); // prettier-ignore
      }
      assert.deepEqual(problems, []);
    } finally {
      await browser.close();
      server.close();
    }
  });

  it('says what differs where images shrink as in libvips, and by how little', async () => {
    const model = await trained('libvips', '--scales', '32');
    const out = join(folder, 'libvips.onnx');
    const { remarks } = await exportModel(model, out);
    assert.match(String(remarks), /The graph resizes as Pillow does/);
    const [, results] = JSON.parse(await python(PROGRAM, [out, ...photos])) as [
      string[],
      { scores: number[] }[],
    ];
    const { images } = await predicted(model);
    const differences = images.flatMap(({ scores }, i) => CLASSES.map((each, c) => Math.abs(scores[each]! - results[i]!.scores[c]!))); // prettier-ignore
    assert.ok(Math.max(...differences) < 0.02, differences.join());
    // What is enlarged (31 × 64 to 32) is equal.
    assert.ok(Math.max(...differences.slice(0, 3)) < 1e-4, differences.join());
  });
});
