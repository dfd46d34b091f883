// What torch's two ONNX exporters write today, imported: the same fc7 and scores as torch.
import { ok } from 'node:assert/strict';
import { join } from 'node:path';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { importWeights } from '../../src/backbone/weights/importers/import.js';
import { describeImages, relativeError, weightFile } from '../backbone/weights/importers/support.js';
import { withFolder } from '../support.js';
import { python } from './python.js';

const EXPORT = `
import json, os, sys
folder, make, config, norm = sys.argv[1:5]
os.chdir(make)
sys.path.insert(0, make)
import torch
import common
from torch_net import Vgg, load, run
options = json.loads(sys.argv[5])
torch.manual_seed(1)
net = load(Vgg(config, norm == "bn"), common.weights(config, 40))
for m in net.modules():
    if isinstance(m, torch.nn.BatchNorm2d):
        for value, low, high in [(m.weight.data, 0.5, 1.5), (m.bias.data, -0.2, 0.2), (m.running_mean, -0.3, 0.3), (m.running_var, 0.5, 2)]:
            value.uniform_(low, high)
x = common.preprocess(common.images(), "rgb", 1 / 255, common.IMAGENET_MEAN, common.IMAGENET_STD)
if options.get("dynamic_axes"):
    options["dynamic_axes"] = {"x": {0: "batch"}}
if options.get("dynamic_shapes"):
    options["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
torch.onnx.export(net, (torch.from_numpy(x),), os.path.join(folder, "x.onnx"), verbose=False, **options)
fc7, scores = run(net, x)
print(json.dumps({"fc7": fc7.tolist(), "scores": scores.tolist()}))
`;

const cases: readonly { title: string; config: 'A' | 'D' | 'E'; norm: 'bn' | 'plain'; options: object }[] = [
  { title: 'TorchScript exporter', config: 'D', norm: 'plain', options: { dynamo: false } },
  {
    title: 'TorchScript exporter, any batch, batch normalisation folded by torch',
    config: 'A',
    norm: 'bn',
    options: { dynamo: false, dynamic_axes: true, input_names: ['x'] },
  },
  { title: 'dynamo exporter, weights beside', config: 'E', norm: 'plain', options: { dynamo: true } },
  {
    title: 'dynamo exporter, any batch, one file, batch normalisation left in the graph',
    config: 'A',
    norm: 'bn',
    options: { dynamo: true, external_data: false, dynamic_shapes: true, optimize: false },
  },
];

describe("torch's ONNX exports", () => {
  for (const { title, config, norm, options } of cases) {
    it(title, () =>
      withFolder(async (folder) => {
        const args = [folder, weightFile('make'), config, norm, JSON.stringify(options)];
        const answer = (await python(EXPORT, args)).trim().split('\n').at(-1)!;
        const wanted = JSON.parse(answer) as Record<'fc7' | 'scores', number[][]>;
        const out = join(folder, 'x.safetensors');
        const { architecture } = await importWeights(join(folder, 'x.onnx'), out);
        ok(architecture.config === config, architecture.config);
        const received = await describeImages(await openBackbone(out), ['fc7', 'fc8']);
        for (const [layer, values] of [
          ['fc7', wanted.fc7],
          ['fc8', wanted.scores],
        ] as const) {
          const error = relativeError(received[layer]!, values);
          ok(error < 1e-4, `${layer} ${error}`);
        }
      }),
    );
  }
});
