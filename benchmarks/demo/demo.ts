// The demo from drawings to a table: render, train, extract and evaluate by the commands that a user calls.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { BUILTIN } from '../../src/backbone/nets/builtin.js';
import { usableCores } from '../../src/cores.js';
import { readFolder } from '../../src/datasets/folder.js';
import { splitOf } from '../../src/datasets/open.js';
import { writeFileAtomically } from '../../src/io/files.js';
import { claimFolder, workIn } from '../../src/io/work.js';
import type { OnProgress } from '../../src/progress.js';
import { artists } from './artists.js';
import { verydeep } from '../command.js';
import { fineTune } from './fine-tune.js';
import { packageVersion } from './packages.js';
import { writePixels } from './pixels.js';
import { renderImages } from './render.js';
import { reportOf } from './report.js';
import { type DemoResults, type Epoch, type ResultRow, chanceRow } from './results.js';
import { drawSamples } from './samples.js';
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

interface DemoOptions {
  /** Folder of everything that the demo makes: "runs/demo". */
  readonly out: string;
  readonly seed: number;
  /** Passes over the training images; fewer for a quick look. */
  readonly epochs: number;
  /** Also fine-tunes the net on the training drawings of each split: a further row. */
  readonly fineTune: boolean;
  /** Replace an earlier demo of other options in `out`. */
  readonly force: boolean;
  readonly onProgress: OnProgress;
}

/** What the demo reads of the `history.json` that `verydeep train` writes. */
interface HistoryFile {
  readonly epochs: readonly Epoch[];
}

/** What the demo reads of the `results.json` that `verydeep evaluate` writes. */
interface EvaluationFile {
  readonly mean: number;
  readonly std: number;
  readonly descriptors: { readonly engine: string };
}

const readJson = async <T>(...path: readonly string[]): Promise<T> =>
  JSON.parse(await readFile(join(...path), 'utf8')) as T;

/** Folders below `out` that a run makes; an earlier run's are removed first, except the images. */
const folders = ['untrained', 'trained', 'features', 'evaluation', 'fine-tuned'] as const;

/** Times stages by name; repeated stages add up. */
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
const trainNets = async (images: string, { out, seed, epochs }: DemoOptions): Promise<void> => {
  for (const [name, passes] of [
    ['untrained', 0],
    ['trained', epochs],
  ] as const)
    await verydeep(
      ...['train', 'folder', '--data', join(images, 'pretrain')],
      ...netFlags,
      ...trainingFlags,
      ...['--epochs', String(passes), '--seed', String(seed), '--out', join(out, name)],
    );
};

/** Writes the descriptors of one method on one image folder; returns their folder. */
const describe = async (
  method: Method,
  data: string,
  backbones: Readonly<Record<NonNullable<Method['net']>, string>>,
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
  await verydeep(
    ...['evaluate', 'folder', '--data', data, '--features', features, ...flags],
    ...['--train-per-class', String(trainPerClass), '--splits', String(splits)],
    ...['--seed', String(seed), '--out', out],
  );
  const { mean, std } = await readJson<EvaluationFile>(out, 'results.json');
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
  const { out, seed, epochs, fineTune: fineTuned, force, onProgress } = options;
  const watch = new Stopwatch();
  const start = performance.now();
  // The same demo again replaces itself.
  const resume = (await workIn(out)) !== undefined;
  await claimFolder(out, 'demo', { seed, epochs, fineTune: fineTuned }, { resume, force });
  for (const folder of [...folders, 'results.json', 'report.html', 'demo.png'])
    await rm(join(out, folder), { recursive: true, force: true });

  const root = join(out, 'images');
  const { images } = await watch.time('render', () => renderImages(root, seed, onProgress));
  await watch.time('train', () => trainNets(root, options));
  const backbones = {
    trained: join(out, 'trained', 'backbone.safetensors'),
    untrained: join(out, 'untrained', 'backbone.safetensors'),
    builtin: BUILTIN,
  };

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
  const concepts = await table(protocols.concepts);
  if (options.fineTune) {
    const place = join(out, 'fine-tuned');
    await mkdir(place);
    concepts.push(await watch.time('fine-tune', () => fineTune(root, backbones.trained, seed, place)));
  }
  const tables = {
    rows: concepts,
    subgroups: { rows: await table(protocols.subgroups) },
  };
  const { descriptors } = await readJson<EvaluationFile>(
    ...[out, 'evaluation', protocols.concepts.folder, 'trained', 'results.json'],
  );
  const seconds = () => ({ ...watch.seconds, total: (performance.now() - start) / 1000 });
  const results: DemoResults = {
    ...tables,
    sizes: sizesOf(images),
    seconds: seconds(),
    versions: versionsNow(),
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${usableCores()} cores`,
    engine: descriptors.engine,
    seed,
    backbone: backbones.trained,
    untrainedBackbone: backbones.untrained,
    training: (await readJson<HistoryFile>(out, 'trained', 'history.json')).epochs,
  };
  await watch.time('report', async () => {
    const data = join(root, protocols.concepts.folder);
    const features = join(out, 'features', protocols.concepts.folder, 'trained-multiscale');
    const samples = await drawSamples(data, features, { count: 24, seed });
    await writeFileAtomically(join(out, 'report.html'), await reportOf(results, samples));
    await writeFileAtomically(join(out, 'demo.png'), await sheetOf(results, samples));
  });
  const complete = { ...results, seconds: seconds() };
  await writeFileAtomically(join(out, 'results.json'), `${JSON.stringify(complete, null, 2)}\n`);
  return complete;
};
