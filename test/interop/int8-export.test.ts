// The export in 8 bits as other programs see it: ONNX's checker, and ONNX Runtime in Python gives extraction's numbers.
import { deepEqual, ok } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { exportInt8 } from '../../src/features/pipeline/export-int8.js';
import { extractFeatures } from '../../src/features/pipeline/extract.js';
import { openNets } from '../../src/features/pipeline/plan.js';
import { viewsOf } from '../../src/features/recipe/views.js';
import { decode } from '../../src/images/decode.js';
import { relativeError, weightFile } from '../backbone/weights/importers/support.js';
import { pictures, randomBackbone, small } from '../features/nets.js';
import { withFolder } from '../support.js';
import { python } from './python.js';

const RUN = `
import json, sys
import numpy as np, onnx, onnxruntime
from PIL import Image
model, images = sys.argv[1], sys.argv[2:]
onnx.checker.check_model(model, full_check=True)
domains = sorted({node.domain for node in onnx.load(model, load_external_data=False).graph.node})
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
pixels = [np.asarray(Image.open(p).convert("RGB"))[None] for p in images]
fc7, scores = zip(*(session.run(["fc7", "scores"], {"pixels": p}) for p in pixels))
print(json.dumps({"fc7": [v.tolist() for v in fc7], "scores": [v.tolist() for v in scores], "domains": domains}))
`;

interface Answer {
  readonly fc7: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
  readonly domains: readonly string[];
}

/** Averages of each `count` vectors. */
const averages = (vectors: readonly (readonly number[])[], count: number): number[][] =>
  Array.from({ length: vectors.length / count }, (_, i) => {
    const group = vectors.slice(i * count, (i + 1) * count);
    return group[0]!.map((_, k) => group.reduce((sum, vector) => sum + vector[k]!, 0) / count);
  });

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

const items = [1, 2, 3].map((n) => {
  const file = weightFile(`images/${n}.png`);
  return { id: String(n), path: file, source: { file }, labels: [] };
});

describe('the export in 8 bits in other programs', () => {
  for (const external of [false, true]) {
    it(`${external ? 'beside its weights' : 'in one file'}: passes onnx.checker, gives extraction's numbers`, () =>
      withFolder(async (folder) => {
        const { path } = await randomBackbone(join(folder, 'net.safetensors'), small({ width: 1 / 8 }), 5);
        const calibration = await pictures(join(folder, 'images'), 12);
        const model = join(folder, 'x.onnx');
        await exportInt8(path, model, { calibration, external, threads: 1 });

        // The pixels that extraction sees, at each scale of the default recipe.
        const choice = { layers: ['fc7', 'fc8'], flip: false, descriptorNorm: 'none' } as const;
        const { recipe, inputSize } = await openNets([path], choice);
        const views: string[] = [];
        for (const item of items) {
          const image = await decode(await readFile(item.path), item.path);
          for (const { image: view } of await viewsOf(image, item.path, undefined, recipe, inputSize)) {
            const { width, height, data } = view;
            views.push(join(folder, `view-${views.length}.png`));
            await sharp(data, { raw: { width, height, channels: 3 } }).toFile(views.at(-1)!);
          }
        }
        const { domains, fc7, scores } = JSON.parse(
          (await python(RUN, [model, ...views])).trim().split('\n').at(-1)!,
        ) as Answer;
        deepEqual(domains, ['']);
        const given = { fc7, fc8: scores };

        for (const precision of ['int8', 'fp32'] as const) {
          const out = join(folder, precision);
          const int8 = { calibration };
          const options = { out, int8, threads: 1, engine: 'onnxruntime' } as const;
          const { store } = await extractFeatures(items, [path], { ...choice, precision }, options);
          for (const layer of ['fc7', 'fc8'] as const) {
            const { data, columns } = await store.read(layer);
            const wanted = items.map((_, i) => Array.from(data.subarray(i * columns, (i + 1) * columns)));
            const received = averages(given[layer], recipe.scales.length);
            const error = relativeError(received, wanted);
            if (precision === 'int8') ok(error < 1e-5, `${layer} ${error}`);
            else {
              const least = Math.min(...received.map((vector, k) => cosine(vector, wanted[k]!)));
              ok(least > 0.99 && least < 0.999999, `${layer}: cosine ${least} to fp32`);
            }
          }
        }
      }));
  }
});
