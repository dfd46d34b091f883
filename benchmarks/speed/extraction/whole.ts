// Whole extractions, each in its own process: overhead over the graph alone, and resident memory.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mean } from '../../../src/evaluation/statistics.js';
import type { CompiledGraph } from '../../../src/backbone/nets/graph.js';
import { recipes } from '../../../src/features/recipe/recipe.js';
import type { RgbImage } from '../../../src/images/image.js';
import { type Row, missingRow, row } from '../row.js';
import { alternate } from '../rounds.js';
import { flopsOf } from './data.js';
import { graphRound } from './graphs.js';
import type { Measured, PipelineCase } from './pipeline.js';

/** Runs an extraction in its own process. */
export const pipeline = async (facts: PipelineCase): Promise<Measured> => {
  const script = fileURLToPath(new URL('./pipeline.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(facts)], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measured;
};

/** What is measured: the graph, an image of the size that all JPEGs are resized to, and their number. */
interface WholeCase {
  readonly fp32: CompiledGraph;
  readonly image: RgbImage;
  readonly threads: number;
  readonly images: number;
  readonly rounds: number;
  /** Peak in GFLOPS; undefined if it cannot be measured on this CPU. */
  readonly peak: number | undefined;
}

/**
 * The pipeline compared with the graph alone. Both times are means over the same number of images, from the best of
 * alternating rounds; the best time of a single call would be lower than any mean.
 */
export const pipelineRows = async ({
  fp32,
  image,
  threads,
  images,
  rounds,
  peak,
}: WholeCase): Promise<Row[]> => {
  const { round, close } = graphRound(fp32, image, threads);
  const alone = async (): Promise<number> => {
    let sum = 0;
    for (let i = 0; i < images; i++) sum += await round();
    return sum / images;
  };
  const facts = { precision: 'fp32', scales: [384], images, mixed: false, flip: false, threads } as const;
  const whole = async (): Promise<number> => (await pipeline(facts)).milliseconds;
  const best = await alternate({ alone, whole }, rounds, { warm: false });
  close();
  const gflops = flopsOf(image.height, image.width) / best.whole / 1e6;
  const share = {
    case: 'share of the fp32 peak, whole pipeline, Q=384',
    unit: 'GFLOPS',
    target: 0.65,
    better: 'higher',
  } as const;
  return [
    row({
      case: `${images} JPEGs 500x375, Q=384, whole pipeline against ONNX Runtime alone, fp32`,
      unit: 'ms/image',
      ours: best.whole,
      peer: best.alone,
      peerName: `the graph alone, ${images} times, alternating`,
      figure: best.whole / best.alone,
      target: 1.1,
      better: 'lower',
    }),
    peak === undefined
      ? missingRow(share, 'no loop to measure the peak of this processor')
      : row({
          ...share,
          ours: gflops,
          peer: peak,
          peerName: 'multiply-adds on registers',
          figure: gflops / peak,
        }),
  ];
};

const tenth = ({ resident }: Measured): number => Math.max(1, Math.floor(resident.length / 10));

/** Resident memory over the last tenth of the images, MiB. */
const lastResident = (measured: Measured): number => mean(measured.resident.slice(-tenth(measured)));

/** The image from which on memory must not grow. */
const settled = (images: number): number => Math.min(50, Math.floor(images / 3));

/** Growth of resident memory: the end of the run relative to the images after it has settled. */
const growth = (measured: Measured): number => {
  const from = settled(measured.resident.length);
  return lastResident(measured) / mean(measured.resident.slice(from, from + tenth(measured))) - 1;
};

/** The row of the growth. */
const grown = (name: string, measured: Measured): Row =>
  row({
    case: `${measured.resident.length} images of mixed sizes, growth of resident memory from image ${settled(measured.resident.length)} on, ${name}`,
    unit: 'MiB',
    ours: lastResident(measured),
    peer: null,
    peerName: '–',
    figure: growth(measured),
    target: 0.03,
    better: 'lower',
  });

/** Comparisons of memory: one small scale, where the runtime dominates, and the paper's recipe for VOC. */
const comparisons = [
  { title: 'Q=224', scales: [224], flip: false, target: null },
  { title: 'five scales and flips', scales: recipes.voc.scales, flip: true, target: 0.4 },
] as const;

/**
 * Resident memory in fp32 and int8: growth over many images of mixed sizes, and the ratio of int8 to fp32.
 *
 * @param few number of images for the comparison at five scales
 */
export const memoryRows = async (images: number, few: number, threads: number): Promise<Row[]> => {
  const rows: Row[] = [];
  for (const { title, scales, flip, target } of comparisons) {
    const facts = { scales, images: flip ? few : images, mixed: true, flip, threads } as const;
    const fp32 = await pipeline({ ...facts, precision: 'fp32' });
    const int8 = await pipeline({ ...facts, precision: 'int8' });
    if (!flip) rows.push(grown('fp32', fp32), grown('int8', int8));
    rows.push(
      row({
        case: `resident memory, ${title}, int8 against fp32`,
        unit: 'MiB',
        ours: lastResident(int8),
        peer: lastResident(fp32),
        peerName: 'our fp32',
        figure: lastResident(int8) / lastResident(fp32),
        target,
        better: 'lower',
      }),
    );
  }
  return rows;
};
