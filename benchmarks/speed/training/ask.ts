// Asks a process of its own (steps.ts) how long steps take on a backend of tfjs, and puts rounds of answers together.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { VerydeepError, messageOf } from '../../../src/errors.js';
import type { Profile } from './profile.js';
import type { StepCase } from './vgg-step.js';

export interface StepsQuestion {
  readonly backend: 'onnxruntime' | 'tensorflow' | 'wasm' | 'cpu';
  readonly nets: readonly StepCase[];
  readonly threads: number;
  readonly repetitions: number;
  /** Steps of a net over which resident memory is watched. */
  readonly growth?: { readonly net: StepCase; readonly steps: number };
}

/** Milliseconds of the best training step and forward pass of a net. */
export interface StepTimes {
  readonly training: number;
  readonly forward: number;
  /** Where a step's time goes; on our backend. */
  readonly profile?: Profile;
}

export interface StepsAnswer {
  /** Of what computes. */
  readonly version: string;
  /** A net each. */
  readonly times: readonly StepTimes[];
  /** Resident memory at the end, relative to that after 50 steps. */
  readonly growth?: number;
}

/** Asks once; in words why not, where the backend cannot be had. */
export const askSteps = (
  question: StepsQuestion,
  env: NodeJS.ProcessEnv = {},
): Promise<StepsAnswer | string> =>
  new Promise((resolve) => {
    const script = fileURLToPath(new URL('./steps.js', import.meta.url));
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child
      .on('error', (error) => resolve(`${question.backend}: ${messageOf(error)}`))
      .on('close', (code) => {
        if (code === 0) resolve(JSON.parse(stdout.trim().split('\n').at(-1)!) as StepsAnswer);
        else resolve(`${question.backend} cannot be used: ${stderr.trim().split('\n').at(-1) ?? ''}`);
      });
    child.stdin.end(JSON.stringify(question));
  });

/** Asks our own backend, which must be there. A process for each net: what V8 learns from one would slow the next down. */
export const askOurs = async (question: Omit<StepsQuestion, 'backend'>): Promise<StepsAnswer> => {
  const answer = await askSteps({ ...question, backend: 'onnxruntime' });
  if (typeof answer === 'string') throw new VerydeepError(answer);
  return answer;
};

/**
 * The best of several rounds, net by net and time by time; in words why not, where a round failed. Rounds of all competitors
 * alternate: on a shared machine, what disturbs one minute need not disturb the next.
 */
export const bestOf = (rounds: readonly (StepsAnswer | string)[]): StepsAnswer | string => {
  const failure = rounds.find((round) => typeof round === 'string');
  if (failure !== undefined) return failure;
  const [first, ...others] = rounds as readonly StepsAnswer[];
  return others.reduce<StepsAnswer>(
    (best, { times }) => ({ ...best, times: best.times.map((time, i) => better(time, times[i]!)) }),
    first!,
  );
};

const better = (a: StepTimes, b: StepTimes): StepTimes => {
  const times = { training: Math.min(a.training, b.training), forward: Math.min(a.forward, b.forward) };
  if (!a.profile || !b.profile) return times;
  const quicker = b.profile.total < a.profile.total ? b.profile : a.profile;
  return { ...times, profile: { ...quicker, script: Math.min(a.profile.script, b.profile.script) } };
};
