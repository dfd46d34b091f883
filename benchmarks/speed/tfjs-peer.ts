// Times another backend of tfjs (tensorflow, wasm, cpu) in a process of its own: question on standard input, answer in JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // Registers the gradients.
import '@tensorflow/tfjs-backend-cpu';
import { momentumUpdate } from '../../src/engine/momentum.js';
import { loadTensorFlow } from '../../src/engine/tensorflow.js';
import { VerydeepError } from '../../src/errors.js';
import { bestTime } from './row.js';
import { type StepCase, VggStep, WARM_UP, compileSteps } from './vgg-step.js';

interface Question {
  readonly backend: 'tensorflow' | 'wasm' | 'cpu';
  readonly nets: readonly StepCase[];
  readonly threads: number;
  readonly repetitions: number;
}

const versionOf = (name: string): string =>
  (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;

/** Loads the backend and returns the version of what computes. */
const load = async ({ backend, threads }: Question): Promise<string> => {
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

const question = JSON.parse(readFileSync(0, 'utf8')) as Question;
const version = await load(question);
if (!(await tf.setBackend(question.backend))) throw new VerydeepError(`${question.backend} does not start`);
await tf.ready();
// The same steps before as ours; not in a quick run.
if (question.backend === 'tensorflow' && question.repetitions > 1)
  compileSteps(tf, question.nets.at(-1)!, momentumUpdate);
const times: { training: number; forward: number }[] = [];
for (const which of question.nets) {
  const net = new VggStep(tf, which);
  const forward = await bestTime(question.repetitions, () => void net.forward());
  // tfjs-wasm has no gradient of a filter: its training is not a number.
  const canTrain = question.backend !== 'wasm';
  const training = canTrain
    ? await bestTime(question.repetitions, () => void net.train(momentumUpdate), WARM_UP)
    : NaN;
  times.push({ training, forward });
  net.dispose();
}
process.stdout.write(`\n${JSON.stringify({ version, times })}\n`);
process.exit(0); // Worker threads of a backend need not end the process.
