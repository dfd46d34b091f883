// Exports as other programs see them: ONNX's checker and ONNX Runtime in Python, torch with torchvision's names.
import { deepEqual, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { exportWeights } from '../../src/backbone/weights/exporters/export.js';
import { importWeights } from '../../src/backbone/weights/importers/import.js';
import { describeImages, relativeError, weightFile } from '../backbone/weights/importers/support.js';
import { withFolder } from '../support.js';
import { python } from './python.js';

const CHECK_ONNX = `
import json, sys
import numpy as np, onnx, onnxruntime
model, images, note = sys.argv[1], sys.argv[2:5], json.loads(sys.argv[5])
onnx.checker.check_model(model, full_check=True)
from PIL import Image
x = np.stack([np.asarray(Image.open(p).convert("RGB")) for p in images]).astype("float64")
x = x[..., ::-1] if note["order"] == "bgr" else x
x = ((x * note["scale"] - note["mean"]) / note["std"]).transpose(0, 3, 1, 2).astype("float32")
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
fc7, scores = session.run(["fc7", "scores"], {"input": x})
opset = onnx.load(model, load_external_data=False).opset_import[0].version
print(json.dumps({"fc7": fc7.tolist(), "scores": scores.tolist(), "opset": opset}))
`;

const LOAD_TORCH = `
import json, sys
import numpy as np, torch
sys.path.insert(0, sys.argv[3])
from torch_net import Vgg
with open(sys.argv[1], "rb") as f:
    length = int.from_bytes(f.read(8), "little")
    header = json.loads(f.read(length))
    data = f.read()
header.pop("__metadata__")
state = {k: torch.from_numpy(np.frombuffer(data[v["data_offsets"][0]:v["data_offsets"][1]], "<f4").reshape(v["shape"]).copy()) for k, v in header.items()}
reference = torch.load(sys.argv[2], weights_only=True)
net = Vgg("D")
net.load_state_dict(state)
print(json.dumps({"equal": all(torch.equal(state[k], reference[k]) for k in reference), "keys": list(state) == list(reference)}))
`;

const images = [1, 2, 3].map((n) => weightFile(`images/${n}.png`));

describe('exports in other programs', () => {
  for (const format of ['onnx', 'onnx-external'] as const) {
    it(`${format} passes onnx.checker and gives fc7 and scores in onnxruntime`, () =>
      withFolder(async (folder) => {
        const file = join(folder, 'a.safetensors');
        const { input } = await importWeights(weightFile('caffe-v1-vgg16.caffemodel'), file);
        const [model] = await exportWeights(file, format, join(folder, 'x.onnx'));
        const answer = await python(CHECK_ONNX, [model!, ...images, JSON.stringify(input)]);
        const { fc7, scores, opset } = JSON.parse(answer.trim().split('\n').at(-1)!) as {
          fc7: number[][];
          scores: number[][];
          opset: number;
        };
        const wanted = await describeImages(await openBackbone(file), ['fc7', 'fc8']);
        ok(relativeError(fc7, wanted['fc7']!) < 1e-4);
        ok(relativeError(scores, wanted['fc8']!) < 1e-4);
        ok(opset >= 13);
      }));
  }

  it("torch's load_state_dict takes the export in torchvision's names: the very numbers that were imported", () =>
    withFolder(async (folder) => {
      const [file, out] = [join(folder, 'a.safetensors'), join(folder, 'x.safetensors')];
      await importWeights(weightFile('torch-vgg16.pth'), file);
      await exportWeights(file, 'torchvision', out);
      const answer = await python(LOAD_TORCH, [out, weightFile('torch-vgg16.pth'), weightFile('make')]);
      deepEqual(JSON.parse(answer.trim().split('\n').at(-1)!), { equal: true, keys: true });
    }));
});
