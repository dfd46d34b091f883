// `--shard i/n`, and `--shard auto/n`, which takes i from the batch system that started the process.
import { expected, option, text } from '../errors.js';
import type { Kind, OptionTable } from '../options.js';

/**
 * Environment variables with a job's index in an array, and those with the first index and the step, if any.
 */
const variables: readonly { readonly index: string; readonly first?: string; readonly step?: string }[] = [
  { index: 'JOB_COMPLETION_INDEX' }, // Kubernetes Indexed Job
  { index: 'SLURM_ARRAY_TASK_ID', first: 'SLURM_ARRAY_TASK_MIN', step: 'SLURM_ARRAY_TASK_STEP' },
  { index: 'AWS_BATCH_JOB_ARRAY_INDEX' },
];

const indexFrom = (env: NodeJS.ProcessEnv, given: string): number => {
  const found = variables.find(({ index }) => env[index] !== undefined && env[index] !== '');
  if (!found) {
    const names = variables.map(({ index }) => index).join(', ');
    throw expected(`one of ${names} in the environment`, text`${option('shard')} ${given}`, 'none of them');
  }
  const value = env[found.index];
  const first = Number((found.first && env[found.first]) ?? 0);
  // `--array=0-14:5` starts the jobs 0, 5 and 10: they are the shards 0, 1 and 2.
  const step = Number((found.step && env[found.step]) || 1);
  const index = (Number(value) - first) / step;
  if (Number.isInteger(index) && index >= 0) return index;
  const what = first === 0 && step === 1 ? '' : `, ${first} and a multiple of ${step},`;
  throw expected(`a whole number of at least 0${what}`, found.index, value);
};

/**
 * Parses the shard: `i/n` with 0 <= i < n, or `auto/n`.
 *
 * @throws UsageError naming --shard, or the invalid variable
 */
export const parseShard = (given: string, env = process.env): { index: number; count: number } => {
  const match = /^(\d+|auto)\/(\d+)$/.exec(given);
  const count = Number(match?.[2]);
  const index = match?.[1] === 'auto' ? indexFrom(env, given) : Number(match?.[1]);
  if (!match || count < 1 || index >= count) {
    const received = match?.[1] === 'auto' ? `${given}, which is ${index}/${count}` : given;
    throw expected(
      'i/n with 0 <= i < n, or auto/n',
      option('shard'),
      received,
      'The first of four shards is 0/4.',
    );
  }
  return { index, count };
};

const shard: Kind<{ readonly index: number; readonly count: number }> = {
  value: 'i/n',
  what: 'i/n with 0 <= i < n, or auto/n',
  parse: (given) => parseShard(given),
  holds: (given) => typeof given === 'object',
};

export const shardOptions = {
  shard: {
    kind: shard,
    help: 'process shard i of n only (i from 0); auto/n takes i from Kubernetes, Slurm or AWS Batch',
  },
} as const satisfies OptionTable;
