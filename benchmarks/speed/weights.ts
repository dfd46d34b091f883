// Importing full-size weight files: time and memory of the command, and the nets' outputs compared with PyTorch's.
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { compileGraph } from '../../src/backbone/nets/graph.js';
import { Session } from '../../src/engine/session.js';
import { VerydeepError } from '../../src/errors.js';
import { Random } from '../../src/random.js';
import { type Row, type SpeedBenchmark, missingRow, row } from './row.js';
import { type WeightKind, type WeightsAnswer, askWeights } from './weights-peer.js';

const SIDE = 224;
const IMAGES = 3;
/** Targets for files of 550 MB: seconds, megabytes, and the difference to torch. */
const targets = { seconds: 20, megabytes: 1500, error: 1e-4 } as const;

const cache = fileURLToPath(new URL('../../../.cache/bench-weights/', import.meta.url));
const command = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Smooth random pictures, uint8 [224, 224, 3]. */
const picture = (seed: number): Promise<Buffer> => {
  const random = new Random('weights-picture', seed);
  const noise = Buffer.from(Array.from({ length: 8 * 8 * 3 }, () => random.below(256)));
  return sharp(noise, { raw: { width: 8, height: 8, channels: 3 } })
    .resize({ width: SIDE, height: SIDE, fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer();
};

interface Usage {
  readonly seconds: number;
  /** CPU seconds over all threads, which other work on the machine hardly changes. */
  readonly cpuSeconds: number;
  readonly megabytes: number;
}

/** Runs `verydeep weights import` in a separate process, which reports its resource usage at the end. */
const timedImport = async (file: string, out: string): Promise<Usage> => {
  const usage = join(cache, 'usage.json');
  const hook =
    "import{writeFileSync}from'node:fs';process.on('exit',()=>writeFileSync(process.env.USAGE_FILE," +
    'JSON.stringify(process.resourceUsage())))';
  const args = [`--import=data:text/javascript,${encodeURIComponent(hook)}`, command];
  const began = performance.now();
  const code = await new Promise<number | null>((resolve, reject) => {
    const env = { ...process.env, USAGE_FILE: usage };
    const stdio = ['ignore', 'ignore', 'inherit'] as const;
    spawn(process.execPath, [...args, 'weights', 'import', file, '--out', out, '--quiet'], {
      env,
      stdio: [...stdio],
    })
      .on('error', reject)
      .on('close', resolve);
  });
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new VerydeepError(`The import of ${file} ended with ${code}.`);
  const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(
    await readFile(usage, 'utf8'),
  ) as NodeJS.ResourceUsage;
  return { seconds, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS / 1024 };
};

/** fc7 and class scores of each image, from extraction's graph on one view. */
const outputsOf = async (path: string, pictures: readonly Buffer[], threads: number) => {
  const graph = compileGraph(await openBackbone(path), { layers: ['fc7', 'fc8'], flip: false });
  const { model, externalDataFolder, outputs } = graph;
  const session = Session.create(model, { threads, externalDataFolder });
  try {
    return pictures.map((data) => {
      const values = session.run({ pixels: { type: 'uint8', dims: [1, SIDE, SIDE, 3], data } });
      return outputs.map((name) => values[name]!.data as Float32Array);
    });
  } finally {
    session.close();
  }
};

/** Maximum difference over all images, relative to the largest number. */
const relativeError = (ours: readonly Float32Array[], theirs: readonly (readonly number[])[]): number => {
  const most = Math.max(...theirs.flat().map(Math.abs));
  return (
    Math.max(...ours.flatMap((vector, i) => Array.from(vector, (v, k) => Math.abs(v - theirs[i]![k]!)))) /
    most
  );
};

const rowsOf = async (
  net: string,
  file: WeightsAnswer['files'][number],
  version: string,
  pictures: readonly Buffer[],
  threads: number,
): Promise<Row[]> => {
  const out = join(cache, 'imported.safetensors');
  const { seconds, cpuSeconds, megabytes } = await timedImport(file.path, out);
  const outputs = await outputsOf(out, pictures, threads);
  const size = Math.round((await stat(file.path)).size / 1e6);
  const name = `${net} ${file.kind}, ${size} MB`;
  const reader = file.readSeconds === null ? file.reader : `${file.reader}, reading only`;
  const errors = [
    relativeError(
      outputs.map(([fc7]) => fc7!),
      file.fc7,
    ),
    relativeError(
      outputs.map(([, scores]) => scores!),
      file.scores,
    ),
  ];
  return [
    row({
      case: `${name}: import`,
      unit: 's',
      ours: seconds,
      peer: file.readSeconds,
      peerName: reader,
      figure: seconds,
      target: targets.seconds,
      better: 'lower',
    }),
    row({
      case: `${name}: import, all processors together`,
      unit: 'CPU s',
      ours: cpuSeconds,
      peer: null,
      peerName: 'none',
      figure: cpuSeconds,
      target: null,
      better: 'lower',
    }),
    row({
      case: `${name}: peak resident memory`,
      unit: 'MB',
      ours: megabytes,
      peer: null,
      peerName: 'none',
      figure: megabytes,
      target: targets.megabytes,
      better: 'lower',
    }),
    ...['fc7', 'class scores'].map((what, i) =>
      row({
        case: `${name}: ${what} of ${IMAGES} images`,
        unit: 'relative error',
        ours: null,
        peer: null,
        peerName: `torch ${version}`,
        figure: errors[i]!,
        target: targets.error,
        better: 'lower',
      }),
    ),
  ];
};

const nets: readonly { name: string; config: 'D' | 'E'; kinds: readonly WeightKind[] }[] = [
  { name: 'VGG-16', config: 'D', kinds: ['torch-zip', 'torch-legacy', 'caffe', 'keras'] },
  { name: 'VGG-19', config: 'E', kinds: ['torch-zip'] },
];

export const run: SpeedBenchmark = async ({ threads, quick, onNote }) => {
  await mkdir(cache, { recursive: true });
  try {
    const pictures = await Promise.all(Array.from({ length: IMAGES }, (_, i) => picture(i)));
    const pixels = join(cache, 'pixels.bin');
    await writeFile(pixels, Buffer.concat(pictures));
    const rows: Row[] = [];
    for (const { name, config, kinds: all } of quick ? nets.slice(0, 1) : nets) {
      const kinds = quick ? all.slice(0, 1) : all;
      onNote(`${name}: PyTorch writes ${kinds.join(', ')}`);
      const question = { folder: cache, config, kinds, pixels, images: IMAGES, threads };
      const answer = await askWeights(question);
      if (typeof answer === 'string') {
        const facts = {
          case: `${name}: import`,
          unit: 's',
          target: targets.seconds,
          better: 'lower',
        } as const;
        rows.push(missingRow(facts, answer));
        continue;
      }
      for (const file of answer.files) {
        onNote(`${name}: importing ${file.kind}`);
        rows.push(...(await rowsOf(name, file, answer.version, pictures, threads)));
        await rm(file.path);
      }
    }
    return { rows };
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
};
