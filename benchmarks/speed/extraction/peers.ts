// Python peers of extraction: PyTorch, and ONNX Runtime on our graph. They print one line per round.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CompiledGraph } from '../../../src/backbone/nets/graph.js';
import { messageOf } from '../../../src/errors.js';
import { PeerProcess } from '../peer-process.js';
import { keepMemory, pythonWith } from '../python.js';
import type { Round } from '../rounds.js';
import { cache } from './data.js';

/** Input of the peers. */
export interface PeerQuestion {
  readonly threads: number;
  readonly width: number;
  readonly height: number;
}

/** A running peer, with its rounds by name. */
export interface RunningPeer<Name extends string> {
  readonly version: string;
  readonly rounds: Readonly<Record<Name, Round>>;
  readonly close: () => Promise<void>;
}

/** The dense net in PyTorch, channels last, on `device`, which must be defined before. */
const TORCH_NET = `
import json, sys, time, torch
from torch import nn
q = json.loads(sys.stdin.readline())
torch.set_num_threads(q['threads'])
layers, c = [], 3
for block in ([64]*2, [128]*2, [256]*3, [512]*3, [512]*3):
    for o in block:
        layers += [nn.Conv2d(c, o, 3, padding=1), nn.ReLU(True)]
        c = o
    layers.append(nn.MaxPool2d(2))
layers += [nn.Conv2d(512, 4096, 7), nn.ReLU(True), nn.Conv2d(4096, 4096, 1), nn.ReLU(True)]
net = nn.Sequential(*layers).eval().to(device, memory_format=torch.channels_last)
print(json.dumps({'version': torch.__version__}), flush=True)
`;

/** PyTorch on the CPU with oneDNN, in float32 and with autocast to bfloat16. */
const TORCH = `
device = 'cpu'
${TORCH_NET}
x = torch.randn(1, 3, q['height'], q['width']).contiguous(memory_format=torch.channels_last)
for line in sys.stdin:
    with torch.inference_mode(), torch.autocast('cpu', dtype=torch.bfloat16, enabled=line.strip().endswith('bf16')):
        start = time.perf_counter()
        net(x).mean((2, 3))
        print(1000 * (time.perf_counter() - start), flush=True)
`;

/** PyTorch on the GPU, with the transfers of pixels and descriptor. */
const TORCH_GPU = `
device = 'cuda'
${TORCH_NET}
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.benchmark = True
x = torch.randint(0, 256, (1, q['height'], q['width'], 3), dtype=torch.uint8)
for line in sys.stdin:
    with torch.inference_mode():
        start = time.perf_counter()
        net(x.cuda().permute(0, 3, 1, 2).float()).mean((2, 3)).cpu()
        print(1000 * (time.perf_counter() - start), flush=True)
`;

/** ONNX Runtime in Python on the same model file. */
const ORT = `
import json, sys, time, numpy, onnxruntime
q = json.loads(sys.stdin.readline())
o = onnxruntime.SessionOptions()
o.intra_op_num_threads = q['threads']
s = onnxruntime.InferenceSession(q['model'], o, providers=['CPUExecutionProvider'])
x = numpy.random.default_rng(1).integers(0, 256, (1, q['height'], q['width'], 3), dtype=numpy.uint8)
print(json.dumps({'version': onnxruntime.__version__}), flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    s.run(None, {'pixels': x})
    print(1000 * (time.perf_counter() - start), flush=True)
`;

/** Starts a Python program that prints its version and then one line per round; or returns why it cannot be started. */
const startPython = async <Name extends string>(
  packages: readonly string[],
  program: string,
  question: object,
  rounds: readonly Name[],
): Promise<RunningPeer<Name> | string> => {
  let peer: PeerProcess | undefined;
  try {
    const running = new PeerProcess({
      program: await pythonWith(packages),
      args: ['-c', program],
      env: keepMemory,
    });
    peer = running;
    const { version } = await running.ask<{ version: string }>(JSON.stringify(question));
    const named = rounds.map((name) => [name, () => running.ask<number>(name)]);
    return {
      version,
      rounds: Object.fromEntries(named) as Record<Name, Round>,
      close: () => running.close(),
    };
  } catch (error) {
    await peer?.close();
    return `no Python peer: ${messageOf(error)}`;
  }
};

/** PyTorch, with rounds in fp32 and bf16. */
export const startTorch = (question: PeerQuestion) =>
  startPython(['torch==2.13.0'], TORCH, question, ['torch fp32', 'torch bf16'] as const);

/** PyTorch on the first GPU; `VERYDEEP_PYTHON` must name an interpreter whose torch sees one. */
export const startTorchOnGpu = (question: PeerQuestion) =>
  startPython(['torch==2.13.0'], TORCH_GPU, question, ['torch cuda'] as const);

/** ONNX Runtime in Python on the graph. */
export const startOrt = async ({ model }: CompiledGraph, question: PeerQuestion) => {
  const file = join(cache, 'vgg16-random.onnx'); // In the folder of the weights that it refers to.
  await writeFile(file, model);
  const packages = ['onnxruntime==1.30.0', 'numpy'];
  const peer = await startPython(packages, ORT, { ...question, model: file }, ['onnxruntime'] as const);
  await rm(file, { force: true });
  return peer;
};
