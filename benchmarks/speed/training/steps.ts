// Times nets on one tfjs backend, as a separate process: JSON on standard input, JSON as its answer.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // Registers the gradients.
import '@tensorflow/tfjs-backend-cpu';
import { useEngine } from '../../../src/engine/engine.js';
import { momentumUpdate } from '../../../src/engine/momentum.js';
import { loadTensorFlow } from '../../../src/engine/tensorflow.js';
import { VerydeepError } from '../../../src/errors.js';
import { bestTime } from '../row.js';
import type { StepTimes, StepsAnswer, StepsQuestion } from './ask.js';
import { profileOf } from './profile.js';
import { type StepCase, VggStep } from './vgg-step.js';

const versionOf = (name: string): string =>
  (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;

/** Loads the backend and returns its version. */
const load = async ({ backend, threads }: StepsQuestion): Promise<string> => {
  if (backend === 'onnxruntime') {
    await useEngine({ engine: backend, threads });
    return versionOf('onnxruntime-node');
  }
  if (backend === 'torch') {
    const { reason } = await useEngine({ engine: backend, threads });
    return /libtorch ([\d.]+)/.exec(reason)![1]!;
  }
  if (backend === 'tensorflow') {
    const attempt = await loadTensorFlow('@tensorflow/tfjs-node', { threads });
    if (!attempt.loaded) throw new VerydeepError(attempt.reason);
    return (tf.findBackend('tensorflow') as unknown as { binding: { TF_Version: string } }).binding
      .TF_Version;
  }
  if (backend === 'wasm') {
    const wasm = (await import('@tensorflow/tfjs-backend-wasm')) as unknown as {
      setThreadsCount: (n: number) => void;
    };
    wasm.setThreadsCount(threads);
    return versionOf('@tensorflow/tfjs-backend-wasm');
  }
  return versionOf('@tensorflow/tfjs-backend-cpu');
};

const measure = async ({ backend, repetitions }: StepsQuestion, which: StepCase): Promise<StepTimes> => {
  const net = new VggStep(tf, which);
  const step = (): void => void net.train(momentumUpdate);
  try {
    // tfjs-wasm has no gradient of filters and returns NaN; tfjs-cpu takes seconds per step.
    if (backend !== 'wasm' && backend !== 'cpu') for (let i = 0; i < which.warmUp; i++) step();
    const training = backend === 'wasm' ? NaN : await bestTime(repetitions, step);
    // Before the forward passes, after which V8 recompiles the shared functions.
    const profile = backend === 'onnxruntime' && profileOf(repetitions, step, Math.min(which.warmUp, 50));
    const forward = await bestTime(repetitions, () => void net.forward());
    return { training, forward, ...(profile && { profile }) };
  } finally {
    net.dispose();
  }
};

/**
 * Resident memory after many steps, relative to that after 50. Preceded by a warm-up, since V8's code and heap grow by
 * some 20 MiB over the first thousand steps.
 */
const growthOver = (steps: number, which: StepCase): number => {
  const net = new VggStep(tf, which);
  for (let i = 0; i < which.warmUp; i++) net.train(momentumUpdate);
  let early = 0;
  for (let i = 0; i < steps; i++) {
    net.train(momentumUpdate);
    if (i === 49) early = process.memoryUsage.rss();
  }
  net.dispose();
  return process.memoryUsage.rss() / early;
};

const question = JSON.parse(readFileSync(0, 'utf8')) as StepsQuestion;
const version = await load(question);
if (!(await tf.setBackend(question.backend))) throw new VerydeepError(`${question.backend} does not start`);
await tf.ready();
const times: StepTimes[] = [];
for (const which of question.nets) times.push(await measure(question, which));
const { growth } = question;
const answer: StepsAnswer = {
  version,
  times,
  ...(growth && { growth: growthOver(growth.steps, growth.net) }),
};
process.stdout.write(`\n${JSON.stringify(answer)}\n`);
process.exit(0); // Worker threads of a backend may keep the process alive.
