// The demo's report and picture: every figure, every artist's credit, the images shown.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { artists } from '../../../benchmarks/demo/artists.js';
import { reportOf } from '../../../benchmarks/demo/report.js';
import { type DemoResults, type ResultRow, chanceRow } from '../../../benchmarks/demo/results.js';
import type { Sample } from '../../../benchmarks/demo/samples.js';
import { sheetOf } from '../../../benchmarks/demo/sheet.js';
import { withFolder } from '../../support.js';

const rows = (classes: number, best: number): ResultRow[] => [
  chanceRow(classes),
  { name: 'pixels', title: 'raw pixels', meanClassRecall: 8.25, std: 0.5 },
  { name: 'trained-multiscale', title: 'trained net', meanClassRecall: best, std: 1.25 },
];

const epoch = (n: number) => ({
  epoch: n,
  loss: 11 - n,
  learningRate: 0.02,
  trainTop1Error: 99 - n,
  trainTop5Error: 90,
  validationTop1Error: 97.5,
  imagesPerSecond: 1000,
});

const results: DemoResults = {
  rows: rows(100, 33.375),
  subgroups: { rows: rows(16, 24.125) },
  sizes: { pretrain: { classes: 1107, images: 6000 }, pretrainSubgroups: { classes: 65, images: 6000 } },
  seconds: { train: 12.25 },
  versions: { node: '20.19.0' },
  machine: 'a machine',
  engine: 'onnxruntime',
  seed: 1,
  backbone: 'runs/demo/trained/backbone.safetensors',
  untrainedBackbone: 'runs/demo/untrained/backbone.safetensors',
  training: [epoch(1), epoch(2)],
};

const withSamples = (use: (samples: Sample[]) => Promise<void>): Promise<void> =>
  withFolder(async (folder) => {
    const file = join(folder, 'a.png');
    await writeFile(
      file,
      await sharp({ create: { width: 80, height: 80, channels: 3, background: '#0000ff' } })
        .png()
        .toBuffer(),
    );
    const scores = [
      { name: 'red-apple', score: 0.75 },
      { name: 'bell', score: -0.5 },
    ];
    await use([
      { file, path: 'red-apple/noto.png', truth: 'red-apple', scores, right: true },
      { file, path: 'bell/noto.png', truth: 'bell', scores, right: false },
    ]);
  });

describe('benchmarks/demo report', () => {
  it('shows figures, training, test images and credits', () =>
    withSamples(async (samples) => {
      const html = await reportOf(results, samples);
      for (const text of ['33.4', '24.1', '8.3', '6.3', 'red apple', '0.75', '-0.50', 'runs/demo/trained'])
        assert.ok(html.includes(text), text);
      for (const { title, licence, licenceUrl } of artists)
        for (const text of [title, licence, licenceUrl]) assert.ok(html.includes(text), text);
      assert.equal(html.match(/<img src="data:image\/png;base64,/g)?.length, 2);
    }));

  it('draws one picture of images and bars', () =>
    withSamples(async (samples) => {
      const { data, info } = await sharp(await sheetOf(results, samples))
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      let blue = 0;
      for (let i = 0; i < data.length; i += info.channels)
        blue += Number(data[i]! < 8 && data[i + 1]! < 8 && data[i + 2]! > 247);
      assert.ok(Math.abs(blue - 2 * 78 * 78) < 100, `${blue} pixels of the two images`);
    }));
});
