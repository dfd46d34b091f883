// Loss and gradients of box regression against PyTorch.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { saveBackbone } from '../../../src/backbone/nets/backbone.js';
import { type BoxNumbers, outputsOf, regressions } from '../../../src/backbone/nets/box-parameters.js';
import { initialWeights } from '../../../src/backbone/nets/initialisation.js';
import { tensorsOf, toFileLayout } from '../../../src/backbone/nets/layout.js';
import { Model } from '../../../src/backbone/training/model.js';
import { useEngine } from '../../../src/engine/engine.js';
import { python } from '../python.js';
import { withFolder } from '../../support.js';
import { randomArray, tinyNet } from '../../backbone/tf.js';
import { READ_WEIGHTS } from './read-weights.js';

/** The net of the file, its Euclidean loss and every gradient by autograd. */
const program = `
import json, struct, sys
import numpy as np, torch
import torch.nn.functional as F
torch.set_num_threads(1)
path, regression = sys.argv[1:3]
${READ_WEIGHTS}given = json.load(sys.stdin)
x = torch.tensor(given["pixels"]).reshape(len(given["labels"]), 16, 16, 3).permute(0, 3, 1, 2)
block = 1
while f"conv{block}_1.weight" in weights:
    layer = 1
    while f"conv{block}_{layer}.weight" in weights:
        x = F.relu(F.conv2d(x, weights[f"conv{block}_{layer}.weight"], weights[f"conv{block}_{layer}.bias"], padding=1))
        layer += 1
    x = F.max_pool2d(x, 2)
    block += 1
x = x.flatten(1)
for name in ("fc6", "fc7", "fc8"):
    x = F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
    if name != "fc8": x = F.relu(x)
rows = torch.arange(len(x))
boxes = x if regression == "scr" else x.reshape(len(x), -1, 4)[rows, torch.tensor(given["labels"])]
loss = F.mse_loss(boxes, torch.tensor(given["boxes"]), reduction="sum") / 2 / len(x)
loss.backward()
print(json.dumps([loss.item(), {n: t.grad.flatten().tolist() for n, t in weights.items()}]))
`;

describe('box regression against PyTorch', () => {
  for (const regression of regressions) {
    it(`${regression}: the Euclidean loss and the gradient of every tensor, to 1e-4`, () =>
      withFolder(async (folder) => {
        const classes = 5;
        const net = tinyNet({
          ...{ config: 'A', blocks: 3, inputSize: 16, fullyConnected: 32 },
          outputs: outputsOf(regression, classes),
        });
        const layers = new Map(tensorsOf(net).map((entry) => [entry.name, entry]));
        const initial = (name: string): Float32Array => {
          const { layer, bias } = layers.get(name)!;
          return bias ? new Float32Array(layer.outputs) : initialWeights(layer, 'he', 2);
        };
        const path = join(folder, 'net.safetensors');
        const input = { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
        await saveBackbone(path, { format: 1, architecture: net, input, classes: [] }, initial);
        const rows = 8;
        const pixels = randomArray(rows * 16 * 16 * 3, 4);
        const numbers = randomArray(rows * 4, 5);
        const targets = Array.from({ length: rows }, (_, i) => ({
          label: (i * 3) % classes,
          box: [...numbers.subarray(4 * i, 4 * i + 4)] as unknown as BoxNumbers,
        }));
        const text = JSON.stringify({
          ...{ pixels: [...pixels], labels: targets.map(({ label }) => label) },
          boxes: targets.map(({ box }) => box),
        });
        const [loss, gradients] = JSON.parse(await python(program, [path, regression], { input: text })) as [
          number,
          Record<string, number[]>,
        ];
        const engine = await useEngine({ engine: 'onnxruntime' });
        try {
          const boxes = { regression, mean: [0, 0, 0, 0], std: [1, 1, 1, 1] } as const;
          const heads = { classes, superclasses: 0, superclassLoss: 0, boxes };
          const model = await Model.create(engine.tf, net, heads, new Map(), initial);
          const ours = model.gradients(pixels, targets, rows, undefined);
          assert.ok(Math.abs(ours.loss - loss) <= 1e-4 * loss, `${ours.loss} ${loss}`);
          for (const [name, gradient] of ours.gradients) {
            const { layer, bias } = layers.get(name)!;
            const data = gradient.dataSync<'float32'>();
            const mine = bias ? data : toFileLayout(layer, data);
            const wanted = gradients[name]!;
            const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
            wanted.forEach((x, i) => assert.ok(Math.abs(mine[i]! - x) <= 1e-4 * largest, `${name} ${i}`));
          }
          model.dispose();
        } finally {
          engine.close();
        }
      }));
  }
});
