import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { foldedNet } from '../../../src/backbone/nets/batch-norm.js';
import { saveBackbone } from '../../../src/backbone/nets/backbone.js';
import { forward } from '../../../src/backbone/nets/forward.js';
import { initialWeights } from '../../../src/backbone/nets/initialisation.js';
import { tensorsOf } from '../../../src/backbone/nets/layout.js';
import { Model } from '../../../src/backbone/training/model.js';
import { useEngine } from '../../../src/engine/engine.js';
import { python, torchFolder } from '../python.js';
import { withFolder } from '../../support.js';
import { randomArray, tinyNet } from '../../backbone/tf.js';
import { READ_WEIGHTS } from './read-weights.js';

/** The same net in PyTorch, trained on the same batches from the same weights by torch.optim.SGD. */
const program = `
import json, struct, sys
import numpy as np, torch
import torch.nn.functional as F
torch.set_num_threads(1)
path, pixels_path, labels_path, steps, batches, rate = sys.argv[1:4] + [int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])]
normalised = sys.argv[7] == "true"
${READ_WEIGHTS}net = json.loads(header["__metadata__"]["verydeep"])["architecture"]
side = net["inputSize"]
pixels = torch.from_numpy(np.fromfile(pixels_path, "<f4").reshape(batches, -1, side, side, 3).copy()).permute(0, 1, 4, 2, 3)
labels = torch.from_numpy(np.fromfile(labels_path, np.uint8).reshape(batches, -1).astype(np.int64))
norms = {n[:-7]: torch.nn.BatchNorm2d(t.shape[0]) for n, t in weights.items() if normalised and t.dim() == 4}
def forward(x):
    for block in range(1, net["blocks"] + 1):
        layer = 1
        while f"conv{block}_{layer}.weight" in weights:
            w = weights[f"conv{block}_{layer}.weight"]
            x = F.conv2d(x, w, weights[f"conv{block}_{layer}.bias"], padding=w.shape[2] // 2)
            x = F.relu(norms.get(f"conv{block}_{layer}", torch.nn.Identity())(x))
            layer += 1
        x = F.max_pool2d(x, 2)
    x = x.flatten(1)
    for name in ("fc6", "fc7", "fc8"):
        x = F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
        if name != "fc8": x = F.relu(x)
    return x
groups = [{"params": [t for n, t in weights.items() if n.endswith("weight")], "weight_decay": 5e-4},
          {"params": [t for n, t in weights.items() if n.endswith("bias")] + [t for m in norms.values() for t in m.parameters()], "weight_decay": 0.0}]
optimiser = torch.optim.SGD(groups, lr=rate, momentum=0.9)
losses = []
for step in range(steps):
    loss = F.cross_entropy(forward(pixels[step % batches]), labels[step % batches])
    optimiser.zero_grad(); loss.backward(); optimiser.step()
    losses.append(loss.item())
for m in norms.values(): m.eval()
with torch.no_grad(): scores = forward(pixels[0]).flatten().tolist()
print(json.dumps([losses, scores]))
`;

/** The name of the bias of a scale's layer. */
const biasOf = (name: string): string => name.replace(/gamma$/, 'bias');

describe('training against PyTorch', () => {
  before(async () => {
    process.env['VERYDEEP_TORCH'] = await torchFolder();
  });
  after(() => {
    delete process.env['VERYDEEP_TORCH'];
  });

  for (const [engineName, config, steps, batchNorm] of [
    ['onnxruntime', 'A', 50, false],
    ['onnxruntime', 'C', 50, false],
    ['onnxruntime', 'A', 20, true],
    ['onnxruntime', 'D', 20, true],
    ['torch', 'A', 50, false],
    ['torch', 'C', 50, false],
    ['torch', 'A', 20, true],
  ] as const) {
    it(`${config}${batchNorm ? ' with batch normalisation' : ''} on ${engineName}: ${steps} steps from the same weights on the same batches have the same losses and then the same scores, to 1e-4`, () =>
      withFolder(async (folder) => {
        const net = tinyNet({
          ...{ config, blocks: 3, inputSize: 16, fullyConnected: 32, outputs: 10 },
          ...(batchNorm && { batchNorm, width: 0.25 }),
        });
        const [batches, rows, rate] = [5, 16, 0.01];
        const size = 16 * 16 * 3;
        const pixels = randomArray(batches * rows * size, 4);
        const labels = Uint8Array.from({ length: batches * rows }, (_, i) => (i * 7) % 10);
        const layers = new Map(tensorsOf(net).map((entry) => [entry.name, entry]));
        const initial = (name: string): Float32Array => {
          if (name.endsWith('.gamma'))
            return new Float32Array(layers.get(biasOf(name))!.layer.outputs).fill(1);
          const { layer, bias } = layers.get(name)!;
          return bias ? new Float32Array(layer.outputs) : initialWeights(layer, 'he', 2);
        };
        const path = join(folder, 'initial.safetensors');
        const input = { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
        await saveBackbone(path, { format: 1, architecture: foldedNet(net), input, classes: [] }, initial);
        await writeFile(join(folder, 'pixels'), pixels);
        await writeFile(join(folder, 'labels'), labels);
        const [theirs, theirScores] = JSON.parse(
          await python(program, [
            path,
            join(folder, 'pixels'),
            join(folder, 'labels'),
            ...[steps, batches, rate, batchNorm].map(String),
          ]),
        ) as [number[], number[]];

        const engine = await useEngine({ engine: engineName, threads: 2 });
        const heads = { classes: 10, superclasses: 0, superclassLoss: 0 };
        const model = await Model.create(engine.tf, net, heads, new Map(), initial);
        const ours = Array.from({ length: steps }, (_, step) => {
          const begin = (step % batches) * rows;
          const targets = Array.from(labels.subarray(begin, begin + rows), (label) => ({ label }));
          const { loss, gradients, moments } = model.gradients(
            pixels.slice(begin * size, (begin + rows) * size),
            targets,
            rows,
            undefined,
          );
          model.parameters.observe(moments);
          model.update(gradients, { learningRate: rate, momentum: 0.9, weightDecay: 5e-4 });
          engine.tf.dispose([...gradients.values()]);
          return loss;
        });
        const { tf } = engine;
        const final = await model.parameters.final();
        const x = tf.tensor4d(pixels.slice(0, rows * size), [rows, 16, 16, 3]);
        const scores = tf.tidy(() => forward(tf, foldedNet(net), final, x).dataSync());
        tf.dispose([x, ...final.values()]);
        model.dispose();
        engine.close();
        theirScores.forEach((score, i) => assert.ok(Math.abs(scores[i]! - score) < 1e-4, `score ${i}`));
        assert.ok(
          ours.at(-1)! < ours[0]! - (batchNorm ? 0.1 : 0.5),
          `it learns: ${ours[0]} to ${ours.at(-1)}`,
        );
        ours.forEach((loss, step) => {
          assert.ok(
            Math.abs(loss - theirs[step]!) < 1e-4,
            `step ${step + 1}: ${loss} against ${theirs[step]}`,
          );
        });
      }));
  }
});
