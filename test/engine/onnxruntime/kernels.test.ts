import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { getKernel, getKernelsForBackend, type KernelConfig } from '@tensorflow/tfjs-core';
import { kernelConfigs } from '../../../src/engine/onnxruntime/kernel-configs.js';
import './support.js'; // Registers the backend.

const folder = new URL('../../../src/engine/onnxruntime/kernels/', import.meta.url);
const files = readdirSync(folder).flatMap((file) => /^(\w+)\.js$/.exec(file)?.[1] ?? []);

/** Kernels that tfjs has none of. */
const OURS = ['BatchNorm', 'BatchNormGrad'];

describe('backend: the files of kernels', () => {
  it('are named as tfjs names the kernels of the table', () => {
    assert.ok(files.length > 40);
    assert.deepEqual(files.sort(), kernelConfigs.map(({ kernelName }) => kernelName).sort());
    const known = new Set(getKernelsForBackend('cpu').map(({ kernelName }) => kernelName));
    assert.deepEqual(
      files.filter((file) => !known.has(file)),
      OURS,
    );
  });

  for (const file of files)
    it(`${file} holds the config of the kernel that is registered`, async () => {
      const module = (await import(new URL(`${file}.js`, folder).href)) as Record<string, KernelConfig>;
      const configs = Object.entries(module).filter(([name]) => name.endsWith('Config'));
      assert.equal(configs.length, 1);
      const [, config] = configs[0]!;
      assert.equal(config.kernelName, file);
      assert.equal(config.backendName, 'onnxruntime');
      assert.equal(getKernel(file, 'onnxruntime').kernelFunc, config.kernelFunc);
    });

  it('leave all other kernels of tfjs-cpu to tfjs-cpu', () => {
    for (const { kernelName, kernelFunc } of getKernelsForBackend('cpu'))
      if (!files.includes(kernelName))
        assert.equal(getKernel(kernelName, 'onnxruntime').kernelFunc, kernelFunc, kernelName);
  });
});
