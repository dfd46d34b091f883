// PyTorch on the CPU as a peer: the same nets, batches and threads, with its fastest settings.
import { dirname } from 'node:path';
import { messageOf } from '../../../src/errors.js';
import type { StepLayer } from './vgg-step.js';
import { askPython, keepMemory, pythonWith } from '../python.js';
import { type StepsAnswer, type StepsQuestion, askSteps } from './ask.js';

/** The nets, and what to time. */
interface TorchQuestion {
  readonly threads: number;
  readonly repetitions: number;
  readonly cases: readonly {
    readonly layers: readonly StepLayer[];
    readonly inputSize: number;
    readonly batch: number;
    readonly outputs: number;
  }[];
}

/** Milliseconds of the best step and forward pass of each case. */
interface TorchAnswer {
  readonly version: string;
  readonly times: readonly { readonly training: number; readonly forward: number }[];
}

const program = `
import json, sys, time
import torch
from torch import nn
q = json.load(sys.stdin)
torch.set_num_threads(q["threads"])
def best(n, f):
    f()
    times = []
    for _ in range(n):
        start = time.perf_counter(); f(); times.append(time.perf_counter() - start)
    return 1e3 * min(times)
times = []
for case in q["cases"]:
    parts, flat = [], False
    dense = [l for l in case["layers"] if l["kind"] == "dense"]
    for l in case["layers"]:
        if l["kind"] == "conv":
            parts += [nn.Conv2d(l["inputs"], l["outputs"], l["kernel"], padding=l["kernel"] // 2), nn.ReLU(inplace=True)]
        elif l["kind"] == "pool":
            parts.append(nn.MaxPool2d(2))
        else:
            if not flat: parts.append(nn.Flatten()); flat = True
            parts.append(nn.Linear(l["inputs"], l["outputs"]))
            if l is not dense[-1]: parts.append(nn.ReLU(inplace=True))
    net = nn.Sequential(*parts).to(memory_format=torch.channels_last)
    x = torch.randn(case["batch"], 3, case["inputSize"], case["inputSize"]).to(memory_format=torch.channels_last)
    y = torch.arange(case["batch"]) % case["outputs"]
    opt = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
    def step():
        opt.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
    def forward():
        with torch.inference_mode(): net(x)
    times.append({"training": best(q["repetitions"], step), "forward": best(q["repetitions"], forward)})
print(json.dumps({"version": torch.__version__, "times": times}))
`;

const packages = ['torch==2.13.0', 'numpy'];

/** PyTorch's times, measured in a separate process; or the reason if it is not available. */
export const askTorch = (question: TorchQuestion): Promise<TorchAnswer | string> =>
  askPython<TorchAnswer>(packages, program, question);

/** The times of our engine `torch`, on the same libtorch under the same settings. */
export const askLibtorch = async (
  question: Omit<StepsQuestion, 'backend'>,
): Promise<StepsAnswer | string> => {
  let environment: string;
  try {
    environment = dirname(dirname(await pythonWith(packages)));
  } catch (error) {
    return `no libtorch: ${messageOf(error)}`;
  }
  return askSteps({ ...question, backend: 'torch' }, { ...keepMemory, VERYDEEP_TORCH: environment });
};

/** The peer's name and settings, for its rows. */
export const torchSettings = 'channels_last, inference_mode, memory kept by malloc';
