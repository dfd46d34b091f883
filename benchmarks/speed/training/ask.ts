// Times steps on a tfjs backend in a separate process (steps.ts), and merges the answers of several rounds.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { VerydeepError, messageOf } from '../../../src/errors.js';
import type { Profile } from './profile.js';
import type { StepCase } from './vgg-step.js';

export interface StepsQuestion {
  readonly backend: 'onnxruntime' | 'torch' | 'tensorflow' | 'wasm' | 'cpu';
  readonly nets: readonly StepCase[];
  readonly threads: number;
  readonly repetitions: number;
  /** Number of steps over which memory growth is measured. */
  readonly growth?: { readonly net: StepCase; readonly steps: number };
}

/** Milliseconds of the best training step and forward pass of a net. */
export interface StepTimes {
  readonly training: number;
  readonly forward: number;
  /** Profile of a step; on our backend only. */
  readonly profile?: Profile;
}

export interface StepsAnswer {
  /** Version of the backend. */
  readonly version: string;
  /** One entry per net. */
  readonly times: readonly StepTimes[];
  /** Resident memory at the end, relative to that after 50 steps. */
  readonly growth?: number;
}

/** The times of one run, or the reason if the backend is not available. */
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

/** The times of our backend. One process per net: V8's optimisations for one net slow the next down. */
export const askOurs = async (question: Omit<StepsQuestion, 'backend'>): Promise<StepsAnswer> => {
  const answer = await askSteps({ ...question, backend: 'onnxruntime' });
  if (typeof answer === 'string') throw new VerydeepError(answer);
  return answer;
};

/**
 * The best time of each net over several rounds, or the reason if a round failed. Rounds of all contenders alternate, so
 * that temporary load affects all of them.
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
