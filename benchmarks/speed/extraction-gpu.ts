// Extraction on a GPU, with CUDA and WebGPU: descriptors compared with the CPU's, speed with PyTorch on the same GPU.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { compileGraph } from '../../src/backbone/nets/graph.js';
import type { Provider } from '../../src/engine/session.js';
import { messageOf } from '../../src/errors.js';
import { extractFeatures } from '../../src/features/pipeline/extract.js';
import { loadImage } from '../../src/images/decode.js';
import { resizeSmallestSide } from '../../src/images/resize.js';
import { jpegs, vgg16File } from './extraction/data.js';
import { graphRound } from './extraction/graphs.js';
import { startTorchOnGpu } from './extraction/peers.js';
import { pipeline } from './extraction/whole.js';
import { alternate } from './rounds.js';
import { type Row, type SpeedBenchmark, missingRow, row } from './row.js';

const providers = ['cuda', 'webgpu'] as const;
const SIDE = 384;

/** L2-normalised descriptors of a few JPEGs at two scales, with mirror images. */
const descriptorsBy = async (provider: Provider, threads: number): Promise<Float32Array> => {
  const out = await mkdtemp(join(tmpdir(), 'verydeep-bench-'));
  try {
    const choice = { scales: [256, SIDE] };
    const { store } = await extractFeatures(await jpegs(4), [await vgg16File()], choice, {
      out,
      threads,
      provider,
    });
    return (await store.read('fc7')).data;
  } finally {
    await rm(out, { recursive: true, force: true });
  }
};

/** The rows of a provider, or one row with the reason if it cannot be used. */
const providerRows = async (
  provider: (typeof providers)[number],
  expected: Float32Array,
  threads: number,
  images: number,
): Promise<Row[]> => {
  const title = `VGG-16 fc7 by ${provider}`;
  const equality = {
    case: `${title}, largest difference to the processor's descriptors`,
    unit: '–',
  } as const;
  const goal = { target: 1e-5, better: 'lower' } as const;
  try {
    const found = await descriptorsBy(provider, threads);
    const difference = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    const facts = { precision: 'fp32', scales: [SIDE], mixed: false, flip: false, threads } as const;
    const whole = await pipeline({ ...facts, images, provider });
    const mixed = await pipeline({ ...facts, images, provider, mixed: true });
    const common = { unit: 'ms/image', peer: null, peerName: '–', target: null, better: 'lower' } as const;
    return [
      row({ ...equality, ...goal, ours: difference, peer: null, peerName: '–', figure: difference }),
      ...Object.entries({ '500x375': whole, 'of mixed sizes': mixed }).map(([which, { milliseconds }]) =>
        row({
          ...common,
          case: `${title}, ${images} JPEGs ${which}, Q=${SIDE}, whole pipeline`,
          ours: milliseconds,
          figure: milliseconds,
        }),
      ),
    ];
  } catch (error) {
    return [missingRow({ ...equality, ...goal }, messageOf(error))];
  }
};

export const run: SpeedBenchmark = async ({ threads, quick, onNote }) => {
  onNote('making VGG-16 and JPEGs, and descriptors on the processor …');
  const backbone = await openBackbone(await vgg16File());
  const [first] = await jpegs(1);
  const image = await resizeSmallestSide(await loadImage(first!.source), SIDE, 'lanczos3');
  const expected = await descriptorsBy('cpu', threads);
  const rows: Row[] = [];
  for (const provider of providers) {
    onNote(`whole extractions by ${provider} …`);
    rows.push(...(await providerRows(provider, expected, threads, quick ? 16 : 64)));
  }
  onNote('the graph alone, beside PyTorch …');
  const graph = compileGraph(backbone, { layers: ['fc7'], flip: false });
  const torch = await startTorchOnGpu({ threads, width: image.width, height: image.height });
  for (const provider of providers) {
    const common = {
      case: `VGG-16 fc7, ${image.width}x${image.height}, ${provider}, pixels in and descriptor out`,
      unit: 'ms',
      target: null,
      better: 'higher',
    } as const;
    try {
      const ours = graphRound(graph, image, threads, provider);
      const peers = typeof torch === 'string' ? {} : torch.rounds;
      const contenders: Record<string, typeof ours.round> = { ours: ours.round, ...peers };
      const best = await alternate(contenders, quick ? 5 : 30);
      ours.close();
      const theirs = best['torch cuda'] ?? null;
      const peerName = typeof torch === 'string' ? torch : `PyTorch ${torch.version}, fp32 without TF32`;
      const figure = theirs && theirs / best['ours']!;
      rows.push(row({ ...common, ours: best['ours']!, peer: theirs, peerName, figure }));
    } catch (error) {
      rows.push(missingRow(common, messageOf(error)));
    }
  }
  if (typeof torch !== 'string') await torch.close();
  return { rows };
};
