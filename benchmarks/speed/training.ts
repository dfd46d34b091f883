// Training steps and forward passes of VGG nets, compared with the machine's peak, PyTorch, tfjs-node, tfjs-wasm and tfjs-cpu.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { matmul } from '../../src/engine/gemm.js';
import { measurePeak, vectorWidth } from './peak.js';
import { type Row, type SpeedBenchmark, bestTime, missingRow, row } from './row.js';
import { type StepTimes, type StepsAnswer, askOurs, askSteps, bestOf } from './training/ask.js';
import { profileRows } from './training/profile.js';
import { askLibtorch, askTorch, torchSettings } from './training/torch.js';
import { type StepCase, stepArithmetic, stepLayers } from './training/vgg-step.js';

interface Target {
  readonly training: number;
  readonly forward: number;
}

/** The nets, with target shares of peak for a training step and a forward pass. */
const cases: readonly (StepCase & { readonly target: Target })[] = [
  {
    name: 'VGG-16 112x112 batch 8',
    config: 'D',
    width: 1,
    inputSize: 112,
    fullyConnected: 512,
    outputs: 100,
    batch: 8,
    warmUp: 5,
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
    warmUp: 3,
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
    warmUp: 600,
    target: { training: 0.38, forward: 0.5 },
  },
];

/** A net small enough for tfjs-cpu. */
const tiny: StepCase = {
  name: 'VGG-A quarter width 32x32 batch 4',
  config: 'A',
  width: 0.25,
  inputSize: 32,
  fullyConnected: 128,
  outputs: 10,
  batch: 4,
  warmUp: 300,
};

/** Number of rounds over all contenders. */
const ROUNDS = 2;
const TORCH_TARGET = 0.8;
const LIBTORCH_TARGET = 0.97;
const NODE_TARGET = 1.1;
const SCRIPT_TARGET = 0.05;
const GROWTH_TARGET = 1.03;

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A row that compares our time with a peer's; the figure is our speed relative to the peer's. */
const against = (
  what: string,
  ours: number,
  peer: StepsAnswer | string,
  pick: (answer: StepsAnswer) => number | undefined,
  peerName: (answer: StepsAnswer) => string,
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

/** Times of our backend and of the peers, and the peak. */
interface Measured {
  readonly ours: StepTimes;
  readonly torch: StepsAnswer | string;
  readonly node: StepsAnswer | string;
  /** Our other engine, on the peer's library. */
  readonly libtorch: StepsAnswer | string;
  readonly peak: number;
  readonly peakBy: string;
  readonly threads: number;
}

/** A net's rows: share of peak and peers for both passes, and the share of JavaScript in a step; `at` is its index in the answers. */
const netRows = (
  net: (typeof cases)[number],
  at: number,
  { ours, torch, node, libtorch, peak, peakBy, threads }: Measured,
): Row[] => {
  const arithmetic = stepArithmetic(net);
  const torchName = ({ version }: StepsAnswer) => `PyTorch ${version}, ${threads} threads, ${torchSettings}`;
  const nodeName = ({ version }: StepsAnswer) => `tfjs-node on TensorFlow ${version}`;
  const rows = (['training', 'forward'] as const).flatMap((pass) => {
    const time = ours[pass];
    const speed = (1e3 * arithmetic[pass]) / time;
    const title = `${net.name}, ${pass === 'training' ? 'training step' : pass}`;
    const pick = ({ times }: StepsAnswer) => times[at]?.[pass];
    return [
      row({
        case: `${title}, share of peak`,
        unit: 'GFLOPS',
        ours: speed,
        peer: peak,
        peerName: `peak: ${peakBy}`,
        figure: speed / peak,
        target: net.target[pass],
        better: 'higher',
      }),
      against(`${title}, times PyTorch's speed`, time, torch, pick, torchName, TORCH_TARGET),
      against(`${title}, times tfjs-node's speed`, time, node, pick, nodeName, NODE_TARGET),
      typeof libtorch === 'string'
        ? missingRow(
            { case: `${title} on engine torch`, unit: 'ms', target: LIBTORCH_TARGET, better: 'higher' },
            libtorch,
          )
        : against(
            `${title} on engine torch, times PyTorch's speed`,
            pick(libtorch)!,
            torch,
            pick,
            torchName,
            LIBTORCH_TARGET,
          ),
    ];
  });
  const { script } = ours.profile!;
  return [
    ...rows,
    row({
      case: `${net.name}, JavaScript's share of a step`,
      unit: 'ms',
      ours: script,
      peer: ours.training,
      peerName: 'the whole step',
      figure: script / ours.training,
      target: SCRIPT_TARGET,
      better: 'lower',
    }),
  ];
};

/** Peak in GFLOPS; on CPUs that the loop does not support, the rate of the fastest matrix product. */
const findPeak = async (threads: number): Promise<{ peak: number; peakBy: string }> => {
  const peak = await measurePeak(threads);
  if (peak !== undefined) return { peak, peakBy: `${vectorWidth()} multiply-adds on ${threads} threads` };
  const n = 1536;
  const [a, b] = [new Float32Array(n * n).fill(1), new Float32Array(n * n).fill(1)];
  const time = await bestTime(5, () => void matmul(a, n, n, b, n, n, { threads }));
  return { peak: (2 * n ** 3) / time / 1e6, peakBy: `a ${n} x ${n} matrix product` };
};

export const run: SpeedBenchmark = async ({ threads, quick, profile, onNote }) => {
  const repetitions = quick ? 1 : 7;
  const paced = <Net extends StepCase>(net: Net): Net => (quick ? { ...net, warmUp: 1 } : net);
  const nets = (quick ? cases.slice(2) : cases).map(paced);
  onNote('the peak');
  const { peak, peakBy } = await findPeak(threads);
  const facts = { peakGflops: peak, peakBy };
  const nodeModules = join(root, '.cache', 'tfjs-node', 'node_modules');

  const ownRounds: StepsAnswer[] = [];
  const torchRounds: (StepsAnswer | string)[] = [];
  const nodeRounds: (StepsAnswer | string)[] = [];
  const libtorchRounds: (StepsAnswer | string)[] = [];
  for (let round = 1; round <= (quick || profile ? 1 : ROUNDS); round++) {
    const own: StepsAnswer[] = [];
    for (const net of nets) {
      onNote(`round ${round}, ours: ${net.name}`);
      own.push(await askOurs({ nets: [net], threads, repetitions }));
    }
    ownRounds.push({ version: own[0]!.version, times: own.flatMap(({ times }) => times) });
    if (profile) continue;
    onNote(`round ${round}, PyTorch`);
    const layered = nets.map((net) => ({ ...net, layers: stepLayers(net) }));
    torchRounds.push(await askTorch({ threads, repetitions, cases: layered }));
    onNote(`round ${round}, engine torch`);
    libtorchRounds.push(await askLibtorch({ nets, threads, repetitions }));
    onNote(`round ${round}, tfjs-node`);
    nodeRounds.push(
      existsSync(nodeModules)
        ? await askSteps({ backend: 'tensorflow', nets, threads, repetitions }, { NODE_PATH: nodeModules })
        : 'tfjs-node is not built: run "npm run test:tensorflow" once',
    );
  }
  const ours = (bestOf(ownRounds) as StepsAnswer).times;
  if (profile) return { rows: nets.flatMap(({ name }, i) => profileRows(name, ours[i]!.profile!)), facts };
  const [torch, node, libtorch] = [torchRounds, nodeRounds, libtorchRounds].map(bestOf);
  onNote('a tiny net, and memory');
  const small = await askOurs({
    nets: [paced(tiny)],
    threads,
    repetitions,
    growth: { net: paced({ ...tiny, batch: 32, warmUp: 1000 }), steps: quick ? 100 : 500 },
  });
  onNote('tfjs-wasm and tfjs-cpu');
  const last = nets.at(-1)!;
  const wasm = await askSteps({ backend: 'wasm', nets: [last], threads, repetitions: quick ? 1 : 3 });
  const cpu = await askSteps({ backend: 'cpu', nets: [tiny], threads, repetitions: 1 });
  const growth = small.growth!;

  const rows = nets.flatMap((net, i) =>
    netRows(net, i, {
      ours: ours[i]!,
      torch: torch!,
      node: node!,
      libtorch: libtorch!,
      peak,
      peakBy,
      threads,
    }),
  );
  rows.push(
    against(
      `${last.name}, forward, times tfjs-wasm's speed`,
      ours.at(-1)!.forward,
      wasm,
      (answer) => answer.times[0]?.forward,
      ({ version }) => `tfjs-backend-wasm ${version}, SIMD, ${threads} threads`,
      null,
    ),
    against(
      `${tiny.name}, training step, times tfjs-cpu's speed`,
      small.times[0]!.training,
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
  return { rows, facts };
};
