// PyTorch as the peer of weight import: creates full-size nets, saves them in users' formats, and computes their outputs.
import { askPython } from './python.js';

/** Formats of the files. */
export type WeightKind = 'torch-zip' | 'torch-legacy' | 'keras' | 'caffe';

/** A net, the formats to save it in, and images to compute outputs for. */
export interface WeightsQuestion {
  readonly folder: string;
  readonly config: 'D' | 'E';
  readonly kinds: readonly WeightKind[];
  /** Raw pixels, uint8 [images, 224, 224, 3] in red, green, blue. */
  readonly pixels: string;
  readonly images: number;
  readonly threads: number;
}

/** A file, the time its own library takes to read it, and torch's outputs with the matching preprocessing. */
export interface WeightsAnswer {
  readonly version: string;
  readonly files: readonly {
    readonly kind: WeightKind;
    readonly path: string;
    /** Seconds that the format's own library takes to read all numbers; null without such a library. */
    readonly readSeconds: number | null;
    readonly reader: string;
    readonly fc7: readonly (readonly number[])[];
    readonly scores: readonly (readonly number[])[];
  }[];
}

const program = `
import json, os, struct, sys, time
import numpy as np, torch
from torch import nn
q = json.load(sys.stdin)
torch.set_num_threads(q["threads"])
torch.manual_seed(16 if q["config"] == "D" else 19)
depths = {"D": [2, 2, 3, 3, 3], "E": [2, 2, 4, 4, 4]}[q["config"]]
class VGG(nn.Module):
    """As torchvision builds and initialises it; biases are not left at 0, so that they count."""
    def __init__(self):
        super().__init__()
        layers, c = [], 3
        for out, depth in zip([64, 128, 256, 512, 512], depths):
            for _ in range(depth):
                layers += [nn.Conv2d(c, out, 3, padding=1), nn.ReLU(inplace=True)]; c = out
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096),
                                        nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 1000))
        for m in self.modules():
            if isinstance(m, nn.Conv2d): nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.Linear): nn.init.normal_(m.weight, 0, 0.01)
            if hasattr(m, "bias") and m.bias is not None: nn.init.uniform_(m.bias, -0.1, 0.1)
net = VGG().eval()
pixels = np.fromfile(q["pixels"], dtype="uint8").reshape(q["images"], 224, 224, 3).astype("float64")
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
inputs = {"rgb": (pixels / 255 - mean) / std, "bgr": pixels[..., ::-1] - [103.939, 116.779, 123.68]}
def outputs(order):
    x = torch.from_numpy(np.ascontiguousarray(inputs[order].transpose(0, 3, 1, 2)).astype("float32"))
    with torch.inference_mode():
        flat = torch.flatten(net.avgpool(net.features(x)), 1)
        fc7 = net.classifier[:5](flat)
        return fc7.tolist(), net.classifier[6](fc7).tolist()
convs = [m for m in net.features if isinstance(m, nn.Conv2d)]
names = ["conv%d_%d" % (b + 1, i + 1) for b, d in enumerate(depths) for i in range(d)] + ["fc6", "fc7", "fc8"]
weights = [(m.weight.detach().numpy(), m.bias.detach().numpy()) for m in convs + [m for m in net.classifier if isinstance(m, nn.Linear)]]
def varint(n):
    out = bytearray()
    while n > 127: out.append(n & 127 | 128); n >>= 7
    out.append(n); return bytes(out)
def field(number, *parts):
    return [varint(number << 3 | 2), varint(sum(len(p) for p in parts)), *parts]
def write_caffe(path):
    """NetParameter with V1 layers (field 2) by the public schema: name 4, type 5, blobs 6; a blob's data is field 5."""
    with open(path, "wb") as f:
        f.writelines(field(1, b"VGG"))
        for name, arrays in zip(names, weights):
            blobs = []
            for a in arrays:
                shape = [1] * (4 - a.ndim) + list(a.shape)
                dims = b"".join(varint(n << 3) + varint(v) for n, v in enumerate(shape, 1))
                blobs += field(6, dims, *field(5, a.astype("<f4").tobytes()))
            kind = varint(5 << 3) + varint(4 if name.startswith("conv") else 14)
            f.writelines(field(2, *field(4, name.encode()), kind, *blobs))
def write_keras(path):
    """The layout of vgg16_weights_tf_dim_ordering_tf_kernels.h5."""
    import h5py
    layer_names = ["block%s_conv%s" % (n[4], n[6]) if n.startswith("conv") else {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}[n] for n in names]
    with h5py.File(path, "w") as f:
        f.attrs["layer_names"] = [n.encode() for n in layer_names]
        for name, layer, (w, b) in zip(names, layer_names, weights):
            if w.ndim == 4: w = w.transpose(2, 3, 1, 0)
            elif name == "fc6": w = w.reshape(4096, 512, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 4096)
            else: w = w.T
            group = f.create_group(layer)
            parts = ["%s_%s_1:0" % (layer, p) for p in "Wb"]
            group.attrs["weight_names"] = [p.encode() for p in parts]
            for part, value in zip(parts, (w, b)): group.create_dataset(part, data=np.ascontiguousarray(value))
def read_keras(path):
    import h5py
    with h5py.File(path, "r") as f:
        found = []
        f.visititems(lambda _, v: found.append(v[()]) if isinstance(v, h5py.Dataset) else None)
load = lambda path: torch.load(path, weights_only=True)
kinds = {
    "torch-zip": (".pth", "rgb", lambda p: torch.save(net.state_dict(), p), load, "torch.load"),
    "torch-legacy": ("-legacy.pth", "rgb", lambda p: torch.save(net.state_dict(), p, _use_new_zipfile_serialization=False), load, "torch.load"),
    "keras": (".h5", "bgr", write_keras, read_keras, "h5py"),
    "caffe": (".caffemodel", "bgr", write_caffe, None, "none: Caffe is not installable any more"),
}
files, computed = [], {}
for kind in q["kinds"]:
    ending, order, write, read, reader = kinds[kind]
    path = os.path.join(q["folder"], "vgg%s%s" % (sum(depths) + 3, ending))
    write(path)
    seconds = None
    if read:
        start = time.perf_counter(); read(path); seconds = time.perf_counter() - start
    if order not in computed: computed[order] = outputs(order)
    fc7, scores = computed[order]
    files.append({"kind": kind, "path": path, "readSeconds": seconds, "reader": reader, "fc7": fc7, "scores": scores})
print(json.dumps({"version": torch.__version__, "files": files}))
`;

/** Creates the files and computes the outputs; or returns the reason if PyTorch is not available. */
export const askWeights = (question: WeightsQuestion): Promise<WeightsAnswer | string> =>
  askPython<WeightsAnswer>(['torch==2.13.0', 'numpy', 'h5py'], program, question, {});
