"""Nets of others, written out, with random weights: exported to ONNX, and what PyTorch and Pillow give for photographs.

python onnx-nets.py FOLDER PHOTO...
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

folder, photos = Path(sys.argv[1]), sys.argv[2:]
torch.manual_seed(3)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x):
        return torch.relu(self.body(x) + self.short(x))


class ResNet(nn.Module):
    """Stem, four stages of residual blocks, the map and its average."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        widths = [(8, 8, 1), (8, 16, 2), (16, 32, 2), (32, 48, 2)]
        self.stages = nn.Sequential(*(nn.Sequential(Residual(i, o, s), Residual(o, o, 1)) for i, o, s in widths))

    def forward(self, x):
        x = self.stages(self.stem(x))
        return x.mean((2, 3)), x


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1)
        return self.out((a @ v).transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        x = x + self.attention(self.first(x))
        return x + self.mlp(self.second(x))


class ViT(nn.Module):
    """Patches of 8 pixels, a class token, all tokens out."""

    def __init__(self, side=48, width=32):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, (side // 8) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(Block(width, 4) for _ in range(3)))
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.norm(self.blocks(x))


class AlexNet(nn.Module):
    """The paper's: local response normalisation, groups, fully-connected layers on a fixed input."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(3, 16, 11, 4, 2), nn.ReLU(), nn.LocalResponseNorm(5, 1e-2, 0.75, 2.0), nn.MaxPool2d(3, 2),
            nn.Conv2d(16, 32, 5, 1, 2, groups=2), nn.ReLU(), nn.LocalResponseNorm(5, 1e-2, 0.75, 2.0),
            nn.MaxPool2d(3, 2), nn.Conv2d(32, 32, 3, 1, 1, groups=2), nn.ReLU(),
        )
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(32 * 3 * 3, 64), nn.ReLU(), nn.Linear(64, 40), nn.ReLU())

    def forward(self, x):
        return self.fc(self.maps(x))


class Inception(nn.Module):
    def __init__(self, inputs, one, three, five, pool):
        super().__init__()
        self.one = nn.Conv2d(inputs, one, 1)
        self.three = nn.Sequential(nn.Conv2d(inputs, three // 2, 1), nn.ReLU(), nn.Conv2d(three // 2, three, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(inputs, five // 2, 1), nn.ReLU(), nn.Conv2d(five // 2, five, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(inputs, pool, 1))

    def forward(self, x):
        return torch.relu(torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1))


class GoogLeNet(nn.Module):
    """Inception modules; input and output with channels last, as exports of TensorFlow have them."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.LocalResponseNorm(5),
            Inception(16, 8, 16, 4, 4), nn.MaxPool2d(3, 2, ceil_mode=True), Inception(32, 16, 24, 8, 8),
        )

    def forward(self, x):
        return self.body(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CODES = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


def shortest(image, side, code):
    w, h = image.size
    size = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
    return image if size == image.size else image.resize(size, code)


def centre(image, side, rounded):
    w, h = image.size
    left, top = ((round((n - side) / 2) if rounded else (n - side) // 2) for n in (w, h))
    return image.crop((left, top, left + side, top + side))


def tensor(image, mean, std, last=False):
    x = (np.asarray(image).astype(np.float64) / 255 - mean) / std
    x = torch.tensor(x, dtype=torch.float32)[None]
    return x if last else x.permute(0, 3, 1, 2)


def flipped(net, x, axis=3):
    return (net(x) + net(x.flip(axis))) / 2


def export(net, name, shape, free, outputs):
    with torch.no_grad():
        torch.onnx.export(
            net.eval(), (torch.randn(shape),), str(folder / f"{name}.onnx"), input_names=["pixels"], output_names=outputs,
            dynamo=False, opset_version=17,
            dynamic_axes={"pixels": {a: f"d{a}" for a in free}, **{o: {0: "d0"} for o in outputs}} if free else None,
        )


half = [0.5, 0.5, 0.5]
Path(folder / "vit.json").write_text(json.dumps({
    "do_resize": True, "size": {"height": 48, "width": 48}, "resample": 3, "do_rescale": True,
    "rescale_factor": 0.00392156862745098, "do_normalize": True, "image_mean": half, "image_std": half,
    "image_processor_type": "ViTImageProcessor",
}))
Path(folder / "alexnet.json").write_text(json.dumps({
    "size": {"shortest_edge": 73}, "resample": 1, "do_center_crop": True, "crop_size": {"height": 64, "width": 64},
    "image_mean": list(IMAGENET[0]), "image_std": list(IMAGENET[1]),
}))
Path(folder / "googlenet.json").write_text(json.dumps({"pretrained_cfg": {
    "input_size": [3, 64, 64], "interpolation": "bilinear", "crop_pct": 0.9, "mean": half, "std": half,
}}))

resnet, vit, alexnet, googlenet = ResNet(), ViT(), AlexNet(), GoogLeNet()
for net in (resnet, vit, alexnet, googlenet):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2), module.running_var.uniform_(0.5, 2)
export(resnet, "resnet", (2, 3, 64, 64), (0, 2, 3), ["pooled", "map"])
export(vit, "vit", (1, 3, 48, 48), (), ["last_hidden_state"])
export(alexnet, "alexnet", (1, 3, 64, 64), (), ["fc7"])
export(googlenet, "googlenet", (1, 64, 64, 3), (1, 2), ["maps"])

result = {name: [] for name in ("resnet", "dense", "vit", "alexnet", "googlenet", "boxes")}
with torch.no_grad():
    for path in photos:
        image = Image.open(path).convert("RGB")
        x = tensor(centre(shortest(image, 256, 2), 224, True), *IMAGENET)
        result["resnet"].append(flipped(lambda t: resnet(t)[0], x))
        # The whole image at two scales, averaged; the map's largest values.
        scales = [resnet(tensor(shortest(image, q, 3), *IMAGENET))[1].amax((2, 3)) for q in (96, 128)]
        result["dense"].append((scales[0] + scales[1]) / 2)
        result["vit"].append(vit(tensor(image.resize((48, 48), 3), np.array(half), np.array(half)))[:, 0])
        result["alexnet"].append(alexnet(tensor(centre(shortest(image, 73, 1), 64, False), *IMAGENET)))
        x = tensor(centre(shortest(image, 71, 2), 64, True), np.array(half), np.array(half), last=True)
        result["googlenet"].append(googlenet(x).mean((1, 2)))
        box = image.crop((5, 7, 65, 47)).resize((64, 64), 1)
        whole = image.resize((64, 64), 1)
        result["boxes"].append(torch.cat([alexnet(tensor(each, *IMAGENET)) for each in (whole, box)], 1))
print(json.dumps({name: torch.cat(rows).tolist() for name, rows in result.items()}))
