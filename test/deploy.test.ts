// The files in deploy/: by their schemas and linters, and with options that the command line has.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as DockerfileUtils from 'dockerfile-utils';
import { type IPodTemplate, PodTemplate } from 'kubernetes-models/v1/PodTemplate';
import { type IJob, Job } from 'kubernetes-models/batch/v1/Job';
import { parse } from 'yaml';
import { command } from '../src/cli/extract.js';
import { command as train } from '../src/cli/train.js';
import { parseShard } from '../src/cli/shard.js';
import { root } from './support.js';

const known = (flags: readonly string[]): void => {
  const options = new Set(command().options.map((option) => option.long));
  assert.ok(flags.length > 3);
  for (const flag of flags) assert.ok(options.has(flag), `verydeep extract knows ${flag}`);
};

const trainKnows = (flags: readonly string[]): void => {
  const options = new Set(train().options.map((option) => option.long));
  assert.ok(flags.length > 3);
  for (const flag of flags) assert.ok(options.has(flag), `verydeep train knows ${flag}`);
};

interface Replica {
  readonly replicas: number;
  readonly restartPolicy: string;
  readonly template: { spec: { containers: { args?: string[] }[] } };
}

/** The module build of dockerfile-utils imports what Node does not find. */
const { validate } = createRequire(import.meta.url)('dockerfile-utils') as typeof DockerfileUtils;

const problemsOf = (dockerfile: string): unknown[] => validate(dockerfile).map(({ message }) => message);

describe('deploy', () => {
  it('has a Dockerfile without a fault', async () => {
    const text = await readFile(join(root, 'deploy/Dockerfile'), 'utf8');
    assert.deepEqual(problemsOf(text), []);
    assert.deepEqual(problemsOf(text.replace('WORKDIR /data', 'WORKDR /data')), [
      'Unknown instruction: WORKDR',
    ]);
  });

  it("has a Job that fits Kubernetes' schema", async () => {
    const text = await readFile(join(root, 'deploy/kubernetes-job.yaml'), 'utf8');
    new Job(parse(text) as IJob).validate();
    const wrong = text.replace(/completions: (\d+)/, 'completions: "$1"');
    assert.throws(() => new Job(parse(wrong) as IJob).validate(), /completions must be integer/);
  });

  it('has an Indexed Job whose completions are the shards', async () => {
    const job = parse(await readFile(join(root, 'deploy/kubernetes-job.yaml'), 'utf8')) as {
      kind: string;
      spec: {
        completionMode: string;
        completions: number;
        template: { spec: { containers: { args: string[] }[] } };
      };
    };
    assert.deepEqual([job.kind, job.spec.completionMode], ['Job', 'Indexed']);
    const args = job.spec.template.spec.containers[0]!.args;
    const shard = args.find((arg) => arg.startsWith('--shard='))!.slice(8);
    assert.deepEqual(parseShard(shard, { JOB_COMPLETION_INDEX: '7' }), {
      index: 7,
      count: job.spec.completions,
    });
    known(args.filter((arg) => arg.startsWith('--')).map((arg) => arg.split('=')[0]!));
  });

  it('has a Slurm script that bash reads, with as many jobs as shards', async () => {
    const path = join(root, 'deploy/slurm-array.sh');
    execFileSync('bash', ['-n', path]);
    const checked = spawnSync('shellcheck', [path], { encoding: 'utf8' }); // Where it is installed: .ci/run does so.
    assert.ok(checked.error ? !process.env['CI'] : checked.status === 0, checked.stdout);
    const text = await readFile(path, 'utf8');
    const last = Number(/--array=0-(\d+)/.exec(text)![1]);
    const shard = /^ *--shard (\S+)/m.exec(text)![1]!;
    assert.equal(parseShard(shard, { SLURM_ARRAY_TASK_ID: '0' }).count, last + 1);
    known([...text.matchAll(/^ {2}(--[a-z-]+)/gm)].map((match) => match[1]!));
  });

  it('has an MPIJob whose pods fit the schema, with as many ranks as slots', async () => {
    const job = parse(await readFile(join(root, 'deploy/kubernetes-mpijob.yaml'), 'utf8')) as {
      apiVersion: string;
      kind: string;
      spec: { slotsPerWorker: number; mpiReplicaSpecs: { Launcher: Replica; Worker: Replica } };
    };
    assert.deepEqual([job.apiVersion, job.kind], ['kubeflow.org/v2beta1', 'MPIJob']);
    const { Launcher, Worker } = job.spec.mpiReplicaSpecs;
    for (const { template } of [Launcher, Worker])
      new PodTemplate({ template } as unknown as IPodTemplate).validate();
    const args = Launcher.template.spec.containers[0]!.args!;
    assert.equal(Number(args[args.indexOf('-n') + 1]), Worker.replicas * job.spec.slotsPerWorker);
    const own = args.slice(args.indexOf('train'));
    trainKnows(own.filter((arg) => arg.startsWith('--')).map((arg) => arg.split('=')[0]!));
    const text = await readFile(join(root, 'deploy/Dockerfile.mpi'), 'utf8');
    assert.deepEqual(problemsOf(text), []);
  });

  it('has a Slurm script that trains, which bash reads', async () => {
    const path = join(root, 'deploy/slurm-train.sh');
    execFileSync('bash', ['-n', path]);
    const checked = spawnSync('shellcheck', [path], { encoding: 'utf8' });
    assert.ok(checked.error ? !process.env['CI'] : checked.status === 0, checked.stdout);
    trainKnows([...(await readFile(path, 'utf8')).matchAll(/^ {2}(--[a-z-]+)/gm)].map((match) => match[1]!));
  });

  it('takes the share from Kubernetes, Slurm (from its first index on) and AWS Batch, and says what does not fit', () => {
    assert.deepEqual(parseShard('1/4', {}), { index: 1, count: 4 });
    const slurm = { SLURM_ARRAY_TASK_ID: '4', SLURM_ARRAY_TASK_MIN: '1' };
    assert.deepEqual(parseShard('auto/4', slurm), { index: 3, count: 4 });
    // --array=1-16:5 starts the jobs 1, 6, 11 and 16.
    const steps = { SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_STEP: '5' };
    ['1', '6', '11', '16'].forEach((id, index) => {
      assert.deepEqual(parseShard('auto/4', { ...steps, SLURM_ARRAY_TASK_ID: id }), { index, count: 4 });
    });
    assert.throws(
      () => parseShard('auto/4', { ...steps, SLURM_ARRAY_TASK_ID: '3' }),
      /Expected a whole number of at least 0, 1 and a multiple of 5, for SLURM_ARRAY_TASK_ID but received "3"/,
    );
    assert.deepEqual(parseShard('auto/4', { AWS_BATCH_JOB_ARRAY_INDEX: '2' }), { index: 2, count: 4 });
    assert.throws(() => parseShard('auto/4', {}), /JOB_COMPLETION_INDEX.*shard auto\/4/);
    assert.throws(() => parseShard('auto/2', { JOB_COMPLETION_INDEX: '2' }), /for shard/);
    assert.throws(() => parseShard('4/4', {}), /0 <= i < n/);
  });
});
