// The demo from drawings to a table: render, train, extract and evaluate by the commands that a user calls.
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join, relative } from 'node:path';
import { readFolder } from '../../src/datasets/folder.js';
import { splitOf } from '../../src/datasets/open.js';
import { writeFileAtomically } from '../../src/files.js';
import type { OnProgress } from '../../src/progress.js';
import { artists } from './artists.js';
import { verydeep, verydeepJson } from './command.js';
import { packageVersion } from './packages.js';
import { writePixels } from './pixels.js';
import { renderImages } from './render.js';
import { reportOf } from './report.js';
import { type DemoResults, type Epoch, type ResultRow, chanceRow } from './results.js';
import { conceptFeatures, drawSamples } from './samples.js';
import type { Placed } from './selection.js';
import { sheetOf } from './sheet.js';
import {
  INPUT_SIZE,
  type Method,
  type Protocol,
  methods,
  netFlags,
  protocols,
  trainingFlags,
} from './settings.js';

export interface DemoOptions {
  /** Folder of everything that the demo makes: "runs/demo". */
  readonly out: string;
  readonly seed: number;
  /** Passes over the training images; fewer for a quick look. */
  readonly epochs: number;
  readonly onProgress: OnProgress;
}

interface TrainingDocument {
  readonly backbone: string;
  readonly engine: string;
  readonly history: readonly Epoch[];
}

interface EvaluationDocument {
  readonly mean: number;
  readonly std: number;
}

/** Folders below `out` that a run makes; what an earlier run left there is removed first, all but the images. */
const folders = ['untrained', 'trained', 'features', 'evaluation'] as const;

/** Times stages by name; a stage that is entered again adds to its time. */
class Stopwatch {
  readonly seconds: Record<string, number> = {};

  async time<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.seconds[stage] = (this.seconds[stage] ?? 0) + (performance.now() - start) / 1000;
    }
  }
}

const sizesOf = (images: readonly Placed[]): DemoResults['sizes'] => {
  const size = (start: string, depth: number) => {
    const paths = images.map(({ path }) => path).filter((path) => path.startsWith(`${start}/`));
    const classes = new Set(
      paths.map((path) =>
        path
          .slice(start.length)
          .split('/')
          .slice(1, 1 + depth)
          .join('/'),
      ),
    );
    return { classes: classes.size, images: paths.length };
  };
  return {
    pretrain: size('pretrain/train', 2),
    pretrainSubgroups: size('pretrain/train', 1),
    pretrainValidation: size('pretrain/val', 2),
    transferConcepts: size('transfer-concepts', 1),
    transferSubgroups: size('transfer-subgroups', 1),
  };
};

/** Trains the net, and writes the same net before its first step. */
const trainNets = async (images: string, { out, seed, epochs }: DemoOptions) => {
  const train = async (name: 'trained' | 'untrained', passes: number): Promise<TrainingDocument> =>
    (await verydeepJson(
      ...['train', 'folder', '--data', join(images, 'pretrain')],
      ...netFlags,
      ...trainingFlags,
      ...['--epochs', String(passes), '--seed', String(seed), '--out', join(out, name)],
    )) as TrainingDocument;
  return { untrained: await train('untrained', 0), trained: await train('trained', epochs) };
};

/** Writes the descriptors of one method on one image folder; returns the folder they lie in. */
const describe = async (
  method: Method,
  data: string,
  backbones: Readonly<Record<'trained' | 'untrained', string>>,
  out: string,
): Promise<string> => {
  if (method.net === undefined) await writePixels(splitOf(await readFolder(data), 'all'), INPUT_SIZE, out);
  else
    await verydeep(
      ...['extract', 'folder', '--data', data, '--backbone', backbones[method.net]],
      ...['--scales', method.scales.join(','), '--aggregate', 'stack', '--out', out],
    );
  return out;
};

const evaluate = async (
  { title, name }: Method,
  { splits, trainPerClass, flags }: Protocol,
  data: string,
  features: string,
  out: string,
  seed: number,
): Promise<ResultRow> => {
  const { mean, std } = (await verydeepJson(
    ...['evaluate', 'folder', '--data', data, '--features', features, ...flags],
    ...['--train-per-class', String(trainPerClass), '--splits', String(splits)],
    ...['--seed', String(seed), '--out', out],
  )) as EvaluationDocument;
  return { name, title, meanClassRecall: mean, std };
};

const versionsNow = (): Record<string, string> => ({
  node: process.versions.node,
  ...Object.fromEntries(
    ['onnxruntime-node', '@tensorflow/tfjs-core', 'sharp', ...artists.map((artist) => artist.package)].map(
      (name) => [name, packageVersion(name)],
    ),
  ),
});

/** Runs everything and writes `results.json`, `report.html` and a picture into `out`. */
export const runDemo = async (options: DemoOptions): Promise<DemoResults> => {
  const { out, seed, onProgress } = options;
  const watch = new Stopwatch();
  const start = performance.now();
  await mkdir(out, { recursive: true });
  for (const folder of [...folders, 'results.json', 'report.html', 'demo.png'])
    await rm(join(out, folder), { recursive: true, force: true });

  const root = join(out, 'images');
  const { images } = await watch.time('render', () => renderImages(root, seed, onProgress));
  const { trained, untrained } = await watch.time('train', () => trainNets(root, options));
  const backbones = { trained: trained.backbone, untrained: untrained.backbone };

  const table = async (protocol: Protocol): Promise<ResultRow[]> => {
    const data = join(root, protocol.folder);
    const rows = [chanceRow(protocol.classes)];
    for (const method of methods) {
      const place = join(protocol.folder, method.name);
      const features = await watch.time('extract', () =>
        describe(method, data, backbones, join(out, 'features', place)),
      );
      rows.push(
        await watch.time('evaluate', () =>
          evaluate(method, protocol, data, features, join(out, 'evaluation', place), seed),
        ),
      );
    }
    return rows;
  };
  const results: DemoResults = {
    rows: await table(protocols.concepts),
    subgroups: { rows: await table(protocols.subgroups) },
    sizes: sizesOf(images),
    seconds: { ...watch.seconds, total: (performance.now() - start) / 1000 },
    versions: versionsNow(),
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores`,
    engine: trained.engine,
    seed,
    backbone: relative('.', trained.backbone),
    untrainedBackbone: relative('.', untrained.backbone),
    training: trained.history,
  };
  const samples = await drawSamples(
    join(root, protocols.concepts.folder),
    conceptFeatures(out, 'trained-multiscale'),
    { count: 24, rightShare: 2 / 3, seed },
  );
  await writeFileAtomically(join(out, 'report.html'), await reportOf(results, samples));
  await writeFileAtomically(join(out, 'demo.png'), await sheetOf(results, samples));
  await writeFileAtomically(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  return results;
};
