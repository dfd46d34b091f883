// The paper's published VGG-19, in part, on real photographs: its numbers beside PyTorch's, which reads the file on its own.
// Below the folder that VERYDEEP_DATA names; skipped, by name, where that is not there.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { importWeights } from '../../src/backbone/weights/importers/import.js';
import type { Item } from '../../src/datasets/dataset.js';
import { openDataset } from '../../src/datasets/open.js';
import { describe as describeImages } from '../../src/features/describe.js';
import { openNet } from '../../src/features/net.js';
import { loadImage } from '../../src/images/decode.js';
import { resizeSmallestSide } from '../../src/images/resize.js';
import { withFolder } from '../support.js';
import { python } from './python.js';

const DATA = process.env['VERYDEEP_DATA'] ?? '';
const NET = join(DATA, 'vgg19-conv1-3');
const PHOTOS = join(DATA, 'caltech101');

/** Reads the TensorFlow.js file by itself; one descriptor of conv3 (before its pooling) an image, averaged over positions. */
const PYTORCH = `
import json, sys
import numpy as np, torch
import torch.nn.functional as F
folder, pixels, sizes = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
weights = {}
for group in json.load(open(folder + "/model.json"))["weightsManifest"]:
    data, at = b"".join(open(folder + "/" + p, "rb").read() for p in group["paths"]), 0
    for w in group["weights"]:
        count = int(np.prod(w["shape"]))
        weights[w["name"]] = torch.from_numpy(np.frombuffer(data, "<f4", count, at).reshape(w["shape"]).copy())
        at += 4 * count
file, out = open(pixels, "rb"), []
for width, height in sizes:
    rgb = np.frombuffer(file.read(3 * width * height), np.uint8).reshape(height, width, 3)
    bgr = rgb[..., ::-1].astype("float32") - np.array([103.939, 116.779, 123.68], "float32")
    x = torch.from_numpy(bgr.transpose(2, 0, 1).copy())[None]
    for block, convolutions in ((1, 2), (2, 2), (3, 4)):
        if block > 1: x = F.max_pool2d(x, 2)
        for i in range(1, convolutions + 1):
            name = f"block{block}_conv{i}"
            x = F.relu(F.conv2d(x, weights[name + "/kernel"].permute(3, 2, 0, 1), weights[name + "/bias"], padding=1))
    d = x.mean((2, 3))[0]
    out.append((d / d.norm()).tolist())
print(json.dumps(out))
`;

const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((sum, value, i) => sum + value * y[i]!, 0);

const Q = 96;
const recipe = { layers: ['conv3'], scales: [Q], flip: false } as const;

describe('interop/published weights', () => {
  before(function () {
    if (DATA === '' || !existsSync(NET) || !existsSync(PHOTOS)) this.skip();
  });

  it('VGG-19 to conv3 describes 20 photographs of Caltech-101 as PyTorch does, and in 8 bits at a cosine of 0.999', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'vgg19.safetensors');
      await importWeights(join(NET, 'model.json'), file);
      const dataset = await openDataset('caltech101', PHOTOS);
      const firsts = new Map<string, Item[]>();
      for (const item of dataset.items()) {
        const name = item.labels[0]!;
        firsts.set(name, [...(firsts.get(name) ?? []), item]);
      }
      const classes = [...firsts.values()].slice(0, 20);
      const photos = classes.map(([first]) => first!);

      const net = await openNet(file);
      const ours = await describeImages(net, photos, { recipe });
      const { data, columns } = await ours.read('conv3');
      const rows = ours.ids.map((_, i) => data.subarray(i * columns, (i + 1) * columns));

      const byId = new Map(photos.map((item) => [item.id, item]));
      const images = [];
      for (const id of ours.ids) {
        images.push(await resizeSmallestSide(await loadImage(byId.get(id)!.source), Q, 'cubic'));
      }
      const pixels = join(folder, 'pixels');
      await writeFile(pixels, Buffer.concat(images.map((image) => image.data)));
      const sizes = images.map(({ width, height }) => [width, height]);
      const theirs = JSON.parse(await python(PYTORCH, [NET, pixels, JSON.stringify(sizes)])) as number[][];
      const errors = rows.map((row, i) =>
        Math.max(...theirs[i]!.map((value, j) => Math.abs(value - row[j]!))),
      );
      assert.ok(Math.max(...errors) < 1e-4, `largest difference ${Math.max(...errors)}`);

      // Calibrated on other photographs of the same classes.
      const calibrating = classes.flatMap((items) => items.slice(1, 3));
      const int8 = await describeImages(net, photos, {
        recipe: { ...recipe, precision: 'int8' },
        out: join(folder, 'int8'),
        int8: { calibration: calibrating },
      });
      assert.equal(int8.recipe.precision, 'int8');
      const eight = await int8.read('conv3');
      assert.deepEqual(int8.ids, ours.ids);
      const cosines = rows.map((row, i) => dot(row, eight.data.subarray(i * columns, (i + 1) * columns)));
      assert.ok(Math.min(...cosines) >= 0.999, `least cosine ${Math.min(...cosines)}`);
    }));
});
