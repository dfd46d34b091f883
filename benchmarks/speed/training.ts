// Training and forward passes of VGG nets: share of the machine's peak, and PyTorch, tfjs-node, tfjs-wasm and tfjs-cpu.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as tfjs from '@tensorflow/tfjs-core';
import { useEngine } from '../../src/engine/engine.js';
import { matmul } from '../../src/engine/gemm.js';
import { momentumUpdate } from '../../src/engine/momentum.js';
import { messageOf } from '../../src/errors.js';
import { measurePeak, vectorWidth } from './peak.js';
import { type Profile, bestProfile, measureProfiles } from './profile.js';
import { type Row, type SpeedBenchmark, type SpeedOptions, bestTime, missingRow, row } from './row.js';
import { askTorch, torchSettings } from './torch-peer.js';
import { type StepCase, VggStep, WARM_UP, compileSteps, stepArithmetic, stepLayers } from './vgg-step.js';

interface Target {
  readonly training: number;
  readonly forward: number;
}

/** The nets, and the shares of peak that a step and a forward pass are to reach. */
const cases: readonly (StepCase & { readonly target: Target })[] = [
  {
    name: 'VGG-16 112x112 batch 8',
    config: 'D',
    width: 1,
    inputSize: 112,
    fullyConnected: 512,
    outputs: 100,
    batch: 8,
    target: { training: 0.5, forward: 0.5 },
  },
  {
    name: 'VGG-A 224x224 batch 8, 133M parameters',
    config: 'A',
    width: 1,
    inputSize: 224,
    fullyConnected: 4096,
    outputs: 1000,
    batch: 8,
    target: { training: 0.46, forward: 0.5 },
  },
  {
    name: 'VGG-A half width 64x64 batch 32',
    config: 'A',
    width: 0.5,
    inputSize: 64,
    fullyConnected: 512,
    outputs: 100,
    batch: 32,
    target: { training: 0.38, forward: 0.5 },
  },
];

/** A net small enough for tfjs-cpu to end. */
const tiny: StepCase = {
  name: 'VGG-A quarter width 32x32 batch 4',
  config: 'A',
  width: 0.25,
  inputSize: 32,
  fullyConnected: 128,
  outputs: 10,
  batch: 4,
};

/** Rounds in which all competitors take turns. */
const ROUNDS = 2;
const TORCH_TARGET = 0.8;
const NODE_TARGET = 1.1;
const SCRIPT_TARGET = 0.05;
const GROWTH_TARGET = 1.03;

interface OurTimes {
  readonly training: number;
  readonly forward: number;
  /** Where a step's time goes. */
  readonly profile: Profile;
}

const measureOurs = async (
  tf: typeof tfjs,
  which: StepCase,
  repetitions: number,
  warmUp: number,
): Promise<OurTimes> => {
  const net = new VggStep(tf, which);
  try {
    const training = await bestTime(repetitions, () => void net.train(momentumUpdate), warmUp);
    const forward = await bestTime(repetitions, () => void net.forward());
    return { training, forward, profile: bestProfile(repetitions, () => void net.train(momentumUpdate)) };
  } finally {
    net.dispose();
  }
};

/**
 * The best of several rounds, time by time. Rounds of all competitors alternate: on a shared machine, what disturbs one minute
 * need not disturb the next.
 */
const bestOf = (rounds: readonly OurTimes[]): OurTimes => ({
  training: Math.min(...rounds.map(({ training }) => training)),
  forward: Math.min(...rounds.map(({ forward }) => forward)),
  profile: rounds.map(({ profile }) => profile).reduce((a, b) => (b.total < a.total ? b : a)),
});

/** The same for a peer; in words why not, where a round failed. */
const bestPeer = (rounds: readonly (PeerTimes | string)[]): PeerTimes | string => {
  const failure = rounds.find((round) => typeof round === 'string');
  if (failure !== undefined) return failure;
  const [first, ...others] = rounds as readonly PeerTimes[];
  return others.reduce<PeerTimes>(
    (best, { times }) => ({
      ...best,
      times: best.times.map(({ training, forward }, i) => ({
        training: Math.min(training, times[i]!.training),
        forward: Math.min(forward, times[i]!.forward),
      })),
    }),
    first!,
  );
};

/** Resident memory after many steps, relative to that after 50. */
const measureGrowth = (tf: typeof tfjs, steps: number): number => {
  const net = new VggStep(tf, { ...tiny, batch: 32 });
  let early = 0;
  for (let i = 0; i < steps; i++) {
    net.train(momentumUpdate);
    if (i === 49) early = process.memoryUsage.rss();
  }
  net.dispose();
  return process.memoryUsage.rss() / early;
};

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface PeerTimes {
  readonly version: string;
  readonly times: readonly { readonly training: number; readonly forward: number }[];
}

/** Runs tfjs-peer.ts in a process of its own on another backend of tfjs; in words why not, where it cannot be had. */
const askTfjs = (
  backend: string,
  nets: readonly StepCase[],
  { threads }: SpeedOptions,
  repetitions: number,
  env: NodeJS.ProcessEnv = {},
): Promise<PeerTimes | string> =>
  new Promise((resolve) => {
    const script = fileURLToPath(new URL('./tfjs-peer.js', import.meta.url));
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child
      .on('error', (error) => resolve(`${backend}: ${messageOf(error)}`))
      .on('close', (code) => {
        if (code === 0) resolve(JSON.parse(stdout.trim().split('\n').at(-1)!) as PeerTimes);
        else resolve(`${backend} cannot be used: ${stderr.trim().split('\n').at(-1) ?? ''}`);
      });
    child.stdin.end(JSON.stringify({ backend, nets, threads, repetitions }));
  });

/** A row that compares our time with a peer's: the figure is how many times as fast we are. */
const against = (
  what: string,
  ours: number,
  peer: PeerTimes | string,
  pick: (answer: PeerTimes) => number | undefined,
  peerName: (answer: PeerTimes) => string,
  target: number | null,
): Row => {
  const time = typeof peer === 'string' ? undefined : pick(peer);
  if (typeof peer === 'string' || time === undefined) {
    const why = typeof peer === 'string' ? peer : 'not measured';
    return missingRow({ case: what, unit: 'ms', target, better: 'higher' }, why);
  }
  return row({
    case: what,
    unit: 'ms',
    ours,
    peer: time,
    peerName: peerName(peer),
    figure: time / ours,
    target,
    better: 'higher',
  });
};

/** Peak in GFLOPS; where there is no loop for the processor, that of the fastest matrix product. */
const findPeak = async (threads: number): Promise<{ peak: number; peakBy: string }> => {
  const peak = await measurePeak(threads);
  if (peak !== undefined) return { peak, peakBy: `${vectorWidth()} multiply-adds on ${threads} threads` };
  const n = 1536;
  const [a, b] = [new Float32Array(n * n).fill(1), new Float32Array(n * n).fill(1)];
  const time = await bestTime(5, () => void matmul(a, n, n, b, n, n, { threads }));
  return { peak: (2 * n ** 3) / time / 1e6, peakBy: `a ${n} x ${n} matrix product` };
};

export const run: SpeedBenchmark = async (options) => {
  const { threads, quick, onNote } = options;
  const repetitions = quick ? 1 : 7;
  const nets = quick ? cases.slice(2) : cases;
  onNote('the peak');
  const { peak, peakBy } = await findPeak(threads);
  const engine = await useEngine({ engine: 'onnxruntime', threads });
  const nodeModules = join(root, '.cache', 'tfjs-node', 'node_modules');
  const ourRounds: OurTimes[][] = [];
  const torchRounds: (PeerTimes | string)[] = [];
  const nodeRounds: (PeerTimes | string)[] = [];
  let growth: number;
  let tinyTimes: OurTimes;
  try {
    onNote('steps until V8 has compiled them');
    if (!quick) compileSteps(engine.tf, nets.at(-1)!, momentumUpdate);
    if (options.profile)
      return { rows: await measureProfiles(engine.tf, nets, options), facts: { peakGflops: peak, peakBy } };
    for (let round = 1; round <= (quick ? 1 : ROUNDS); round++) {
      const times: OurTimes[] = [];
      for (const net of nets) {
        onNote(`round ${round}, ours: ${net.name}`);
        times.push(await measureOurs(engine.tf, net, repetitions, quick ? 0 : WARM_UP));
      }
      ourRounds.push(times);
      onNote(`round ${round}, PyTorch`);
      const layered = nets.map((net) => ({ ...net, layers: stepLayers(net) }));
      torchRounds.push(await askTorch({ threads, repetitions, cases: layered }));
      onNote(`round ${round}, tfjs-node`);
      nodeRounds.push(
        existsSync(nodeModules)
          ? await askTfjs('tensorflow', nets, options, repetitions, { NODE_PATH: nodeModules })
          : 'tfjs-node is not built: run "npm run test:tensorflow" once',
      );
    }
    tinyTimes = await measureOurs(engine.tf, tiny, repetitions, quick ? 0 : WARM_UP);
    onNote('memory');
    growth = measureGrowth(engine.tf, quick ? 100 : 500);
  } finally {
    engine.close();
  }
  const ours = nets.map((_, i) => bestOf(ourRounds.map((times) => times[i]!)));
  const [torch, node] = [bestPeer(torchRounds), bestPeer(nodeRounds)];
  onNote('tfjs-wasm and tfjs-cpu');
  const wasm = await askTfjs('wasm', [nets.at(-1)!], options, quick ? 1 : 3);
  const cpu = await askTfjs('cpu', [tiny], options, 1);

  const rows: Row[] = [];
  nets.forEach((net, i) => {
    const { training, forward } = stepArithmetic(net);
    const times = ours[i]!;
    for (const [kind, flop, time] of [
      ['training step', training, times.training],
      ['forward', forward, times.forward],
    ] as const) {
      const speed = (1e3 * flop) / time;
      const target = kind === 'forward' ? net.target.forward : net.target.training;
      const shared = {
        case: `${net.name}, ${kind}, share of peak`,
        unit: 'GFLOPS',
        better: 'higher',
      } as const;
      rows.push(
        row({
          ...shared,
          ours: speed,
          peer: peak,
          peerName: `peak: ${peakBy}`,
          figure: speed / peak,
          target,
        }),
      );
      const pick = (answer: PeerTimes) => answer.times[i]?.[kind === 'forward' ? 'forward' : 'training'];
      const torchName = ({ version }: PeerTimes) =>
        `PyTorch ${version}, ${threads} threads, ${torchSettings}`;
      rows.push(
        against(`${net.name}, ${kind}, times PyTorch's speed`, time, torch, pick, torchName, TORCH_TARGET),
      );
      const nodeName = ({ version }: PeerTimes) => `tfjs-node on TensorFlow ${version}`;
      rows.push(
        against(`${net.name}, ${kind}, times tfjs-node's speed`, time, node, pick, nodeName, NODE_TARGET),
      );
    }
    const { parts, total } = times.profile;
    const script = parts.get('JavaScript')! / total;
    rows.push(
      row({
        case: `${net.name}, JavaScript's share of a step`,
        unit: 'share',
        ours: script,
        peer: null,
        peerName: 'no peer',
        figure: script,
        target: SCRIPT_TARGET,
        better: 'lower',
      }),
    );
  });
  rows.push(
    against(
      `${nets.at(-1)!.name}, forward, times tfjs-wasm's speed`,
      ours.at(-1)!.forward,
      wasm,
      (answer) => answer.times[0]?.forward,
      ({ version }) => `tfjs-backend-wasm ${version}, SIMD, ${threads} threads`,
      null,
    ),
    against(
      `${tiny.name}, training step, times tfjs-cpu's speed`,
      tinyTimes.training,
      cpu,
      (answer) => answer.times[0]?.training,
      ({ version }) => `tfjs-backend-cpu ${version}`,
      null,
    ),
    row({
      case: 'resident memory after 500 steps, relative to that after 50',
      unit: 'ratio',
      ours: growth,
      peer: null,
      peerName: 'no peer',
      figure: growth,
      target: GROWTH_TARGET,
      better: 'lower',
    }),
  );
  return { rows, facts: { peakGflops: peak, peakBy } };
};
