// Bundled in front of tfjs's specs: registers the backend under test, and reports results as JSON.
import { writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import { limits } from '../../../src/engine/onnxruntime/kernels/shared/kernel.js';
import { registerOnnxRuntimeBackend } from '../../../src/engine/onnxruntime/register.js';
import { registerTorchBackend } from '../../../src/engine/torch/register.js';

/** What one spec of the suite came to. */
export interface SpecResult {
  readonly name: string;
  readonly status: string;
  readonly message: string;
}

interface Spec {
  readonly fullName: string;
  readonly status: string;
  readonly failedExpectations: readonly { readonly message: string }[];
}

interface JasmineEnvironment {
  addReporter: (reporter: object) => void;
  execute: () => Promise<unknown>;
}

/** Started by the bundle when tfjs's helpers are loaded. */
const { jasmine } = globalThis as unknown as { jasmine: { getEnv: () => JasmineEnvironment } };

limits.small = Number(process.env['VERYDEEP_SUITE_SMALL'] ?? limits.small);
const threads = 2;
const backend = process.env['VERYDEEP_SUITE_BACKEND'] ?? 'onnxruntime';
if (backend === 'torch') registerTorchBackend(threads);
else registerOnnxRuntimeBackend(threads);
tf.env().set('IS_TEST', true);
(setTestEnvs as (environments: object[]) => void)([
  { name: backend, backendName: backend, isDataSync: true },
]);

/** Runs every spec that was imported and writes the results to the file of the environment's VERYDEEP_SUITE_RESULTS. */
export const execute = async (): Promise<void> => {
  const environment = jasmine.getEnv();
  const results: SpecResult[] = [];
  environment.addReporter({
    specDone: ({ fullName, status, failedExpectations }: Spec) => {
      const message = failedExpectations.map((failure) => failure.message.slice(0, 300)).join(' | ');
      results.push({ name: fullName, status, message });
    },
  });
  await environment.execute();
  writeFileSync(process.env['VERYDEEP_SUITE_RESULTS']!, JSON.stringify(results));
};
