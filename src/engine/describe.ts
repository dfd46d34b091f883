// The engines that this machine can use, and why: the facts behind `verydeep doctor`.
import { readdirSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { usableCores } from '../cores.js';
import { messageOf } from '../errors.js';
import { probe } from './onnxruntime/probe.js';
import { describeAttempt, tryTensorFlow } from './engine.js';
import { NoLibraryError, describeLibrary } from './ort.js';
import { chooseDevice } from './torch/device.js';
import { loadTorch } from './torch/library.js';
import { installedVersion, mayHaveGpu, tensorflowPackages } from './tensorflow.js';

/** One engine: whether it can be used, the facts about it, and how to make it usable if it is not. */
export interface EngineDescription {
  readonly name: 'onnxruntime' | 'tensorflow' | 'torch';
  readonly available: boolean;
  /** Whether `auto` chooses it on this machine. */
  readonly chosen: boolean;
  readonly version?: string;
  /** Facts or reasons, one sentence each. */
  readonly notes: readonly string[];
  /** What to do so that it can be used, or is chosen. */
  readonly fix?: string;
}

/** The machine, the versions and the engines. */
export interface EnginesReport {
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly engines: readonly EngineDescription[];
}

/** Whether a provider that the library supports is installed: NVIDIA's are separate libraries. */
const hasProviderLibrary = (folder: string, provider: string): boolean =>
  !['CUDA', 'Tensorrt'].includes(provider) ||
  readdirSync(folder).some((file) => file.includes(`onnxruntime_providers_${provider.toLowerCase()}`));

const describeOnnxRuntime = (): EngineDescription & { available: boolean } => {
  try {
    const { version, path, providers } = describeLibrary();
    const { blockSize, reason } = probe();
    const names = providers.map((name) => name.replace('ExecutionProvider', ''));
    const usable = names.filter((name) => hasProviderLibrary(dirname(path), name)).join(', ');
    return {
      name: 'onnxruntime',
      available: true,
      chosen: false,
      version,
      notes: [
        `library ${path}`,
        `execution providers: ${usable}`,
        blockSize ? `fast convolution: ${reason}` : `general convolution: ${reason}`,
      ],
    };
  } catch (error) {
    return {
      name: 'onnxruntime',
      available: false,
      chosen: false,
      ...(error instanceof NoLibraryError
        ? { notes: [error.reason], fix: error.fix }
        : { notes: [messageOf(error)] }),
    };
  }
};

const describeTensorFlow = async (): Promise<EngineDescription> => {
  const attempts = await tryTensorFlow({}, (attempt) => attempt.loaded);
  const last = attempts.at(-1)!;
  const gpu = last.loaded && last.gpu;
  const notes = attempts.map(describeAttempt);
  if (!mayHaveGpu()) notes.push('no NVIDIA GPU was found');
  return {
    name: 'tensorflow',
    available: last.loaded,
    chosen: gpu,
    notes,
    ...(last.loaded && { version: last.version }),
    ...(!gpu && { fix: fixFor(attempts) }),
  };
};

const describeTorch = (): EngineDescription => {
  try {
    const library = loadTorch();
    const { place, version, cuda } = library;
    const device = chooseDevice(library).name;
    return {
      name: 'torch',
      available: true,
      chosen: device !== 'cpu' && mayHaveGpu(),
      version,
      notes: [
        `library ${place.library} (${place.from})`,
        cuda === true ? `it computes on ${device}` : `it computes on the CPU: ${cuda}`,
        'run here on the CPU alone; cuda, mps and xpu are written, but were never run by its authors',
      ],
      ...(mayHaveGpu() &&
        device === 'cpu' && { fix: 'Install the build of PyTorch for this GPU and its driver' }),
    };
  } catch (error) {
    const message = messageOf(error);
    const [reason, ...fix] = message.replace(/^Cannot load libtorch: /, '').split(/\. (?=pip )/);
    return {
      name: 'torch',
      available: false,
      chosen: false,
      notes: [reason!],
      fix: fix.join('. ').replace(/\.$/, ''),
    };
  }
};

const fixFor = (attempts: Awaited<ReturnType<typeof tryTensorFlow>>): string => {
  const [first] = attempts;
  if (!first!.loaded) return first!.fix;
  return 'A GPU with its NVIDIA driver, CUDA 11.2 and cuDNN 8.1 is needed; without one the engine tensorflow computes on the CPU';
};

const packages = ['@tensorflow/tfjs-core', 'onnxruntime-node', 'koffi', 'sharp', ...tensorflowPackages];

/** Tries every engine and reports. No engine stays open; TensorFlow, once loaded, stays in the process. */
export const describeEngines = async (): Promise<EnginesReport> => {
  const torch = describeTorch();
  const tensorflow = await describeTensorFlow();
  const onnxruntime = describeOnnxRuntime();
  const found = packages.map((name) => [name, installedVersion(name)] as const);
  return {
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: usableCores(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions: Object.fromEntries(found.filter((pair): pair is [string, string] => pair[1] !== undefined)),
    engines: [
      { ...onnxruntime, chosen: onnxruntime.available && !tensorflow.chosen && !torch.chosen },
      { ...tensorflow, chosen: tensorflow.chosen && !torch.chosen },
      torch,
    ],
  };
};
