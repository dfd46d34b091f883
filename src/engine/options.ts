// Options of the engine: engine, provider, GPU, threads.
import { usableCores } from '../cores.js';
import { text, option } from '../errors.js';
import { type OptionTable, kinds } from '../options.js';
import { type EngineName, engineNames } from './names.js';

/** ONNX Runtime's execution providers. */
export const providers = ['cpu', 'webgpu', 'cuda'] as const;
export type Provider = (typeof providers)[number];

/** In what the engine `torch` computes convolutions and matrix products; weights, sums and the loss are in float32 always. */
export const precisions = ['float32', 'tf32', 'bfloat16'] as const;
export type ComputePrecision = (typeof precisions)[number];

/** Which engine computes, and where. */
export interface EngineOptions {
  /** `auto` (default; the environment's VERYDEEP_ENGINE may say otherwise) takes torch or tensorflow only with a GPU. */
  readonly engine?: EngineName;
  /** Threads that compute; default all cores. */
  readonly threads?: number;
  /** Which GPU, counted from 0. */
  readonly gpu?: number;
  /** Where torch computes, by PyTorch's names: `cpu`, `cuda:0`, …; `auto` (default) takes a GPU where there is one. */
  readonly device?: string;
  /** In what torch computes convolutions and matrix products; default float32. */
  readonly compute?: ComputePrecision;
}

/** An option of training alone: it moves the numbers. */
export const computeOptions = {
  compute: {
    kind: kinds.choice(precisions),
    help: text`with ${option('engine')} torch: numbers of convolutions and matrix products; tf32 on NVIDIA's GPUs only`,
    default: 'float32',
  },
} as const satisfies OptionTable;

export const engineOptions = {
  engine: { kind: kinds.choice(engineNames), help: 'compute engine', default: 'auto', incidental: true },
  device: {
    incidental: true,
    kind: kinds.text('name'),
    help: text`with ${option('engine')} torch: cpu, cuda:0, mps, xpu; auto takes a GPU where there is one`,
    default: 'auto',
  },
  gpu: { kind: kinds.whole({ from: 0 }), help: 'index of the GPU, from 0', incidental: true },
  threads: {
    incidental: true,
    kind: kinds.whole(),
    help: 'number of compute threads',
    default: usableCores(),
    otherwise: 'all cores',
  },
} as const satisfies OptionTable;

export const providerOptions = {
  provider: {
    kind: kinds.choice(providers),
    help: text`ONNX Runtime's execution provider, with ${option('engine')} onnxruntime`,
    default: 'cpu',
  },
} as const satisfies OptionTable;
