// Execution providers: where a session computes, their options and their requirements.
import { VerydeepError, option, text } from '../../errors.js';
import { type Library, type Pointer, check, receive } from './library.js';
import type { Provider } from '../options.js';
import { stringTable } from './strings.js';

export type { Provider };

/**
 * Options of the CUDA provider. Its default TF32 keeps 10 bits of a factor's fraction: descriptors would
 * differ from those of the CPU. Its default exhaustive search for the fastest convolution takes 0.17 s for
 * each new size of image.
 */
const cudaOptions = (gpu: number): Readonly<Record<string, string>> => ({
  device_id: String(gpu),
  use_tf32: '0',
  cudnn_conv_algo_search: 'HEURISTIC',
});

/** Adds a provider to the options of a new session. The CPU needs none. */
export const appendProvider = (library: Library, options: Pointer, provider: Provider, gpu: number): void => {
  const { api } = library;
  if (provider === 'webgpu') {
    const keys = stringTable(['deviceId']);
    const values = stringTable([String(gpu)]);
    const given = gpu === 0 ? 0 : 1;
    check(library, api.appendProvider(options, 'WebGPU', keys.table, values.table, given));
  } else if (provider === 'cuda') {
    const cuda = receive(library, (out) => api.createCudaOptions(out));
    try {
      const given = cudaOptions(gpu);
      const [keys, values] = [stringTable(Object.keys(given)), stringTable(Object.values(given))];
      check(library, api.updateCudaOptions(cuda, keys.table, values.table, Object.keys(given).length));
      check(library, api.appendCuda(options, cuda));
    } finally {
      api.release.cudaOptions(cuda);
    }
  }
};

/** Requirements of a provider. */
const needs: Readonly<Record<Exclude<Provider, 'cpu'>, string>> = {
  cuda:
    "an NVIDIA GPU with its driver, CUDA, cuDNN 9, and ONNX Runtime's own CUDA libraries of the same version, which " +
    '"ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js" downloads',
  webgpu: 'a GPU with a driver for Vulkan (Linux), Direct3D 12 (Windows) or Metal (macOS)',
};

/** Runs `create`; if a provider other than the CPU fails, the error says what it needs. */
export const withAdvice = <T>(provider: Provider, create: () => T): T => {
  try {
    return create();
  } catch (error) {
    if (provider === 'cpu' || !(error instanceof VerydeepError)) throw error;
    throw new VerydeepError(
      text`Cannot use ${option('provider')} ${provider}: ${error.message.replace(/\.$/, '')}. It needs ${needs[provider]}; or use ${option('provider')} cpu.`,
    );
  }
};
