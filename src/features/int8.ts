// Before an int8 extraction: nets are quantised on images of the data set, and what that costs is measured and gated.
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Backbone } from '../backbone/backbone.js';
import { calibrate } from '../backbone/calibration.js';
import { compileGraph } from '../backbone/graph.js';
import { compileInt8Graph } from '../backbone/int8-graph.js';
import { type WeightBits, writeQuantised } from '../backbone/quantise.js';
import { int8Support } from '../backbone/vnni.js';
import type { Item } from '../datasets/dataset.js';
import { UsageError, codeOf } from '../errors.js';
import { sha256, sha256OfFile, writeFileAtomically } from '../files.js';
import { decode } from '../images/decode.js';
import { ImageError, type RgbImage } from '../images/image.js';
import { readImageBytes } from '../images/source.js';
import type { OnProgress } from '../progress.js';
import { Random } from '../random.js';
import { describeViews } from './describe.js';
import { type Recipe, recipeHash } from './recipe.js';
import { type Runner, onnxRunner } from './runner.js';
import { type View, viewsOf } from './views.js';

/** How an int8 extraction is prepared. */
export interface Int8Options {
  /** Images that calibrate; default: drawn from the images to be described. */
  readonly calibration?: readonly Item[];
  /** How many of them; default 24, and half as many again to measure the fidelity. */
  readonly calibrationImages?: number;
  /** Whether int8 is used even where the fidelity does not pass the gate. */
  readonly force?: boolean;
  /** Bits of a weight; default: what the processor can do. */
  readonly bits?: WeightBits;
}

/** How close int8 descriptors come to those in float32, over held-out images. */
export interface Fidelity {
  readonly images: number;
  readonly meanCosine: number;
  readonly leastCosine: number;
}

/** The fidelity that is asked for. */
export const gate = { meanCosine: 0.999, leastCosine: 0.995 } as const;

/** The gate in words. */
export const gateText = `the gate (${gate.meanCosine} on average, ${gate.leastCosine} at least)`;

/** The fidelity in words. */
export const fidelityText = ({ meanCosine, leastCosine, images }: Fidelity): string =>
  `cosine to fp32 ${meanCosine.toFixed(5)} on average, ${leastCosine.toFixed(5)} at least, over ${images} images`;

/** What is made: a quantised file for each net. */
export interface PreparedInt8 {
  readonly files: readonly string[];
  /** SHA-256 of each file. */
  readonly hashes: readonly string[];
  readonly bits: WeightBits;
  readonly fidelity: Fidelity;
  /** Whether the fidelity passes the gate. */
  readonly accepted: boolean;
}

export interface Int8Context {
  readonly recipe: Recipe;
  readonly inputSize: number;
  readonly threads: number;
  readonly onProgress?: OnProgress | undefined;
}

interface Sample {
  readonly sha256: string;
  readonly views: readonly View[];
}

/** A seeded sample of images that can be described, and their views. */
const sample = async (items: readonly Item[], count: number, context: Int8Context): Promise<Sample[]> => {
  const { recipe, inputSize } = context;
  const samples: Sample[] = [];
  const sorted = [...items].sort((a, b) => (a.id < b.id ? -1 : 1)); // The same sample for every shard.
  for (const item of new Random('calibration', 1).shuffle(sorted)) {
    if (samples.length === count) break;
    try {
      const bytes = await readImageBytes(item.source, item.path);
      const image = await decode(bytes, item.path, { orient: recipe.orient });
      const views = await viewsOf(image, item.path, item.box, recipe, inputSize);
      samples.push({ sha256: sha256(bytes), views });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
    }
  }
  return samples;
};

/** Of each image the views at two scales, the first and the middle one. */
const calibrationViews = (samples: readonly Sample[], recipe: Recipe): RgbImage[] => {
  const scales = new Set([0, Math.floor(recipe.scales.length / 2)]);
  return samples.flatMap(({ views }) =>
    views.filter(({ scale }) => scales.has(scale)).map(({ image }) => image),
  );
};

const cosine = (a: Float32Array, b: Float32Array): number => {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return aa === 0 && bb === 0 ? 1 : dot / Math.sqrt(aa * bb || 1);
};

const withRunners = async <T>(
  make: () => Promise<Runner[]>,
  use: (runners: Runner[]) => Promise<T>,
): Promise<T> => {
  const runners = await make();
  try {
    return await use(runners);
  } finally {
    for (const runner of runners) runner.close();
  }
};

const descriptorsOf = (runners: Runner[], held: readonly Sample[], recipe: Recipe) =>
  held.reduce<Promise<Float32Array[][]>>(
    async (before, { views }) => [...(await before), await describeViews(runners, recipe, views)],
    Promise.resolve([]),
  );

/** Describes held-out images both ways; the least favourable layer counts. */
const measure = async (
  backbones: readonly Backbone[],
  files: readonly string[],
  held: readonly Sample[],
  { recipe, threads }: Int8Context,
): Promise<Fidelity> => {
  const options = { threads };
  const floats = await withRunners(
    () =>
      Promise.resolve(
        backbones.map((backbone) => onnxRunner({ ...compileGraph(backbone, recipe), options })),
      ),
    (runners) => descriptorsOf(runners, held, recipe),
  );
  const integers = await withRunners(
    () =>
      Promise.all(
        backbones.map(async (backbone, i) =>
          onnxRunner({ ...(await compileInt8Graph(files[i]!, backbone, recipe)), options }),
        ),
      ),
    (runners) => descriptorsOf(runners, held, recipe),
  );
  const cosines = floats.map((layers, i) =>
    Math.min(...layers.map((vector, layer) => cosine(vector, integers[i]![layer]!))),
  );
  return {
    images: held.length,
    meanCosine: cosines.reduce((a, b) => a + b, 0) / cosines.length,
    leastCosine: Math.min(...cosines),
  };
};

/** Folder for the quantised file: beside the backbone, or where that cannot be written, below `out`. */
const cacheFolder = async (backbone: Backbone, out: string): Promise<string> => {
  const beside = join(dirname(backbone.path), '.int8');
  try {
    await mkdir(beside, { recursive: true });
    await access(beside, constants.W_OK);
    return beside;
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    const below = join(out, '.int8');
    await mkdir(below, { recursive: true });
    return below;
  }
};

const quantisedFile = async (
  backbone: Backbone,
  samples: readonly Sample[],
  calibration: string,
  bits: WeightBits,
  out: string,
  context: Int8Context,
): Promise<string> => {
  const source = await backbone.sha256();
  const name = basename(backbone.path).replace(/\.safetensors$/, '');
  const key = sha256(JSON.stringify([source, calibration, bits])).slice(0, 16);
  const path = join(await cacheFolder(backbone, out), `${name}-${key}.safetensors`);
  if (existsSync(path)) return path;
  const ranges = calibrate(
    backbone,
    calibrationViews(samples, context.recipe),
    context.threads,
    context.onProgress,
  );
  await writeQuantised(path, backbone, { format: 1, source, bits, ranges, calibration });
  return path;
};

/**
 * Quantises the nets of an int8 recipe, or finds them in the cache, and measures the fidelity on images that did not
 * calibrate.
 *
 * @param items images to be described, from which calibration images are drawn unless others are given
 * @param out folder for the cache where that of a backbone cannot be written
 * @throws UsageError when no image can be used
 */
export const prepareInt8 = async (
  backbones: readonly Backbone[],
  items: readonly Item[],
  out: string,
  context: Int8Context,
  { calibration: given, calibrationImages = 24, bits = int8Support().bits }: Int8Options = {},
): Promise<PreparedInt8> => {
  const held = Math.max(1, Math.floor(calibrationImages / 2));
  const samples = await sample(given ?? items, calibrationImages + held, context);
  if (samples.length < 2) {
    throw new UsageError(
      'Expected at least 2 images to calibrate --precision int8 on, but fewer could be read.',
    );
  }
  // Of a small set, a third is held out.
  const used = Math.min(calibrationImages, Math.ceil((samples.length * 2) / 3));
  const [calibrating, measuring] = [samples.slice(0, used), samples.slice(used)];
  const { recipe } = context;
  const shas = (list: readonly Sample[]): string[] => list.map((each) => each.sha256);
  const calibration = sha256(
    JSON.stringify([
      shas(calibrating),
      recipe.scales,
      recipe.region,
      recipe.crops,
      recipe.kernel,
      recipe.orient,
    ]),
  ).slice(0, 16);
  const files: string[] = [];
  for (const backbone of backbones)
    files.push(await quantisedFile(backbone, calibrating, calibration, bits, out, context));
  const hashes: string[] = [];
  for (const file of files) hashes.push(await sha256OfFile(file));

  // The fidelity depends on the recipe too: measured once for each, and kept beside the first quantised file.
  const measured = recipeHash(
    recipe,
    hashes.map((hash) => ({ sha256: hash, config: '' })),
  );
  const note = `${files[0]!.replace(/\.safetensors$/, '')}-${measured}.json`;
  let fidelity: Fidelity;
  if (existsSync(note)) fidelity = JSON.parse(await readFile(note, 'utf8')) as Fidelity;
  else {
    fidelity = await measure(backbones, files, measuring, context);
    await writeFileAtomically(note, `${JSON.stringify(fidelity)}\n`);
  }
  const accepted = fidelity.meanCosine >= gate.meanCosine && fidelity.leastCosine >= gate.leastCosine;
  return { files, hashes, bits, fidelity, accepted };
};
