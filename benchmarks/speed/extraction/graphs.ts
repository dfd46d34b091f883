// The graphs alone on one image: int8 compared with fp32, and both with the peers, in alternating rounds.
import type { Backbone } from '../../../src/backbone/nets/backbone.js';
import type { CompiledGraph } from '../../../src/backbone/nets/graph.js';
import { type Provider, Session } from '../../../src/engine/session.js';
import { SESSION } from '../../../src/features/pipeline/runner.js';
import type { RgbImage } from '../../../src/images/image.js';
import { type Row, missingRow, row } from '../row.js';
import { type Round, alternate, timeOf } from '../rounds.js';
import { type RunningPeer, startOrt, startTorch } from './peers.js';
import { startTransformers } from './transformers.js';

/** Cases and repetitions. */
interface GraphCase {
  readonly backbone: Backbone;
  readonly fp32: CompiledGraph;
  readonly int8: CompiledGraph;
  readonly image: RgbImage;
  readonly threads: number;
  readonly rounds: number;
  readonly onNote: (text: string) => void;
}

/** A session as extraction creates it; each round computes the image once. The caller closes it. */
export const graphRound = (
  { model, externalDataFolder }: CompiledGraph,
  { width, height, data }: RgbImage,
  threads: number,
  provider: Provider = 'cpu',
): { round: Round; close: () => void } => {
  const session = Session.create(model, { threads, provider, externalDataFolder, ...SESSION });
  const inputs = { pixels: { type: 'uint8', dims: [1, height, width, 3], data } } as const;
  return { round: () => timeOf(() => void session.run(inputs)), close: () => session.close() };
};

/** int8 compared with fp32 on a number of threads. */
const ownRows = async (
  { fp32, int8, image, rounds }: GraphCase,
  size: string,
  threads: number,
): Promise<Row> => {
  const [float, integer] = [fp32, int8].map((graph) => graphRound(graph, image, threads)) as [
    ReturnType<typeof graphRound>,
    ReturnType<typeof graphRound>,
  ];
  const best = await alternate({ fp32: float.round, int8: integer.round }, rounds);
  float.close();
  integer.close();
  return row({
    case: `${size}, int8 against fp32, ${threads} threads`,
    unit: 'ms',
    ours: best.int8,
    peer: best.fp32,
    peerName: 'our fp32',
    figure: best.fp32 / best.int8,
    target: threads === 1 ? 3.2 : 2.9,
    better: 'higher',
  });
};

type Peers = readonly (RunningPeer<string> | string)[];

/** The best round of each available contender, and ours. */
const raceWith = async ({ fp32, int8, image, threads, rounds }: GraphCase, peers: Peers) => {
  const ours = { fp32: graphRound(fp32, image, threads), int8: graphRound(int8, image, threads) };
  const running = peers.filter((peer) => typeof peer !== 'string');
  try {
    return await alternate<string>(
      Object.assign(
        { 'our fp32': ours.fp32.round, 'our int8': ours.int8.round },
        ...running.map((peer) => peer.rounds),
      ) as Record<string, Round>,
      rounds,
    );
  } finally {
    ours.fp32.close();
    ours.int8.close();
    for (const peer of running) await peer.close();
  }
};

/** The rows of the graphs. */
export const graphRows = async (facts: GraphCase): Promise<Row[]> => {
  const { backbone, fp32, image, threads, onNote } = facts;
  const { width, height } = image;
  const question = { threads, width, height };
  const size = `VGG-16 fc7, ${width}x${height}`;
  const rows: Row[] = [];
  for (const count of [...new Set([1, threads])]) {
    onNote(`graphs alone, ${count} thread${count > 1 ? 's' : ''} …`);
    rows.push(await ownRows(facts, size, count));
  }
  onNote('starting the peers …');
  const torch = await startTorch(question);
  const ort = await startOrt(fp32, question);
  const js = await startTransformers(backbone, question);
  onNote('rounds with the peers …');
  const best = await raceWith(facts, [torch, ort, js]);

  const compare = (
    text: string,
    ours: string,
    peer: RunningPeer<string> | string,
    round: string,
    target: number,
    name: (version: string) => string,
  ) => {
    const common = { case: `${size}, ${text}`, unit: 'ms', target, better: 'higher' } as const;
    if (typeof peer === 'string') return rows.push(missingRow(common, peer));
    const [own, theirs] = [best[ours]!, best[round]!];
    const peerName = `${name(peer.version)}, ${threads} threads`;
    return rows.push(row({ ...common, ours: own, peer: theirs, peerName, figure: theirs / own }));
  };
  const torchName = (type: string) => (version: string) =>
    `PyTorch ${version} ${type}, channels_last, oneDNN, malloc kept`;
  compare('fp32', 'our fp32', torch, 'torch fp32', 1, torchName('fp32'));
  compare('int8 against PyTorch fp32', 'our int8', torch, 'torch fp32', 3, torchName('fp32'));
  compare('int8 against PyTorch bf16', 'our int8', torch, 'torch bf16', 1.6, torchName('bf16'));
  compare('fp32, the same graph', 'our fp32', ort, 'onnxruntime', 0.97, (v) => `onnxruntime ${v} in Python`);
  const local = (version: string) => `transformers.js ${version}, a local model of the same weights`;
  compare('fp32 against transformers.js', 'our fp32', js, 'transformers.js', 1, local);
  return rows;
};
