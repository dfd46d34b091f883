// Plans an extraction: opens and checks the nets, completes the recipe, assigns threads.
import { usableCores } from '../../cores.js';
import { BACKBONE_ADVICE, type Backbone, openBackbone } from '../../backbone/nets/backbone.js';
import { backboneFiles } from '../../backbone/nets/builtin.js';
import { type CompiledGraph, compileGraph } from '../../backbone/nets/graph.js';
import { compileInt8Graph } from '../../backbone/int8/graph.js';
import { expected, option, UsageError, text } from '../../errors.js';
import type { EngineName } from '../../engine/names.js';
import type { SessionOptions } from '../../engine/session.js';
import type { PreparedInt8 } from './int8.js';
import { trainedInterpolation } from '../recipe/interpolation-remark.js';
import {
  type NetIdentity,
  type Recipe,
  type RecipeChoice,
  descriptorLength,
  recipeHash,
  resolveRecipe,
} from '../recipe/recipe.js';
import { type Expectation, fewerWorkers, fitWorkers, sizeOfExtraction } from './fit.js';
import type { ExtractionSize } from './memory.js';
import type { RunnerSpec } from './runner.js';

/** Nets larger than this (in bytes) use several threads per image; smaller ones use one. */
const LARGE_WEIGHTS = 64 * 2 ** 20;

/** Engine, provider and threads. */
export interface Machinery {
  readonly threads?: number;
  readonly workers?: number;
  /** `auto` (default) takes TensorFlow only if it finds a GPU. */
  readonly engine?: EngineName;
  readonly provider?: SessionOptions['provider'];
  readonly gpu?: number;
  readonly device?: string;
}

export interface Plan {
  readonly recipe: Recipe;
  readonly nets: readonly NetIdentity[];
  readonly hash: string;
  readonly engine: string;
  readonly specs: readonly RunnerSpec[];
  readonly threads: number;
  readonly workers: number;
  /** Side of crops in pixels: the largest input of the nets. */
  readonly inputSize: number;
  /** Length of a descriptor, by layer. */
  readonly lengths: Readonly<Record<string, number>>;
  /** What its memory was reckoned from; undefined where it was not. */
  readonly size?: ExtractionSize;
  /** That there are fewer workers than usual. */
  readonly remark?: string;
}

const weightBytes = (backbone: Backbone): number =>
  [...backbone.tensors.values()].reduce((sum, { length }) => sum + length, 0);

/** The engine that `auto` selects. tfjs and TensorFlow are loaded only if there may be a GPU. */
const chosenEngine = async ({
  engine = 'auto',
  threads,
  gpu,
  device,
}: Machinery): Promise<Exclude<EngineName, 'auto'>> => {
  if (engine !== 'auto') return engine;
  const asked = process.env['VERYDEEP_ENGINE'];
  if (asked === 'tensorflow' || asked === 'torch') return asked;
  const { mayHaveGpu } = await import('../../engine/tensorflow.js');
  if (!mayHaveGpu()) return 'onnxruntime';
  const { useEngine } = await import('../../engine/engine.js');
  const used = await useEngine({
    engine,
    ...(threads === undefined ? {} : { threads }),
    ...(gpu === undefined ? {} : { gpu }),
    ...(device === undefined ? {} : { device }),
  });
  used.close();
  return used.name;
};

/**
 * The number of workers (one image each) and of threads in their shared session, workers included. More
 * images at once are a little faster in int8 but multiply the memory of activations.
 */
const shareThreads = (
  backbones: readonly Backbone[],
  { threads = usableCores(), workers, provider = 'cpu' }: Machinery,
  int8: boolean,
): { threads: number; workers: number; each: number } => {
  const large = backbones.some((backbone) => weightBytes(backbone) > LARGE_WEIGHTS);
  const usual = provider !== 'cpu' ? 1 : !large ? threads : int8 ? Math.ceil(threads / 2) : 1;
  const count = workers ?? usual;
  return { threads, workers: count, each: Math.max(1, threads - count + 1) };
};

/**
 * Throws if the engine or provider does not support the precision.
 *
 * @throws UsageError naming the conflicting options
 */
export const checkMachinery = (
  precision: Recipe['precision'],
  { engine, provider = 'cpu' }: Machinery,
): void => {
  const given =
    provider === 'cpu' ? text`${option('precision')} ${precision}` : text`${option('provider')} ${provider}`;
  const isOther = engine === 'tensorflow' || engine === 'torch';
  if (isOther && (precision === 'int8' || provider !== 'cpu'))
    throw new UsageError(text`${given} needs ONNX Runtime: leave out ${option('engine')} ${engine}.`);
  if (precision === 'int8' && provider !== 'cpu')
    throw new UsageError(text`${option('precision')} int8 runs on the CPU only: leave out ${given}.`);
};

/** The opened nets of an extraction, and the recipe completed for them. */
export interface OpenedNets {
  readonly backbones: readonly Backbone[];
  readonly recipe: Recipe;
  /** The largest input of the nets. */
  readonly inputSize: number;
}

/**
 * Opens the backbones and completes the recipe.
 *
 * @throws UsageError for an invalid backbone file or recipe
 */
export const openNets = async (paths: readonly string[], choice: RecipeChoice): Promise<OpenedNets> => {
  if (paths.length === 0)
    throw expected('at least one backbone file', option('backbone'), 'none', BACKBONE_ADVICE);
  const backbones: Backbone[] = [];
  for (const path of await backboneFiles(paths)) backbones.push(await openBackbone(path, option('backbone')));
  return netsFor(backbones, choice);
};

/** Completes the recipe for opened nets. @throws UsageError for an invalid recipe */
export const netsFor = (backbones: readonly Backbone[], choice: RecipeChoice): OpenedNets => {
  const inputSize = Math.max(...backbones.map(({ metadata }) => metadata.architecture.inputSize));
  return { backbones, recipe: resolveRecipe(choice, inputSize, trainedInterpolation(backbones)), inputSize };
};

/**
 * Compiles the nets and assigns threads, and workers that memory suffices for.
 *
 * @param int8 the quantised nets, for an int8 recipe
 * @param expectation the images; without them memory is not reckoned
 * @throws UsageError for a layer that a net does not have, or if there is too little memory
 */
export const planExtraction = async (
  { backbones, recipe, inputSize }: OpenedNets,
  machinery: Machinery,
  int8?: Pick<PreparedInt8, 'files' | 'hashes'>,
  expectation?: Expectation,
): Promise<Plan> => {
  const provider = machinery.provider ?? 'cpu';
  checkMachinery(recipe.precision, machinery);
  const engine = int8 || provider !== 'cpu' ? 'onnxruntime' : await chosenEngine(machinery);
  const usual = shareThreads(backbones, machinery, int8 !== undefined);
  // What other engines take, or a GPU has, is not reckoned.
  const isReckoned = expectation && engine === 'onnxruntime' && provider === 'cpu';
  const size = isReckoned && (await sizeOfExtraction(backbones, recipe, inputSize, expectation.pictures));
  const fitting = { usual: usual.workers, given: machinery.workers };
  const shared = size
    ? shareThreads(
        backbones,
        { ...machinery, workers: fitWorkers(size, fitting, recipe, expectation.besides) },
        int8 !== undefined,
      )
    : usual;
  // TensorFlow and libtorch have one thread pool per process.
  const { threads, workers, each } =
    engine === 'onnxruntime' ? shared : { threads: shared.threads, workers: 1, each: shared.threads };
  const graphs: CompiledGraph[] = [];
  const nets: NetIdentity[] = [];
  for (const [i, backbone] of backbones.entries()) {
    graphs.push(
      int8 ? await compileInt8Graph(int8.files[i]!, backbone, recipe) : compileGraph(backbone, recipe),
    );
    nets.push({
      sha256: await backbone.sha256(),
      config: backbone.metadata.architecture.config,
      ...(int8 ? { quantised: int8.hashes[i]! } : {}),
    });
  }
  const gpu = machinery.gpu === undefined ? {} : { gpu: machinery.gpu };
  const device = machinery.device === undefined ? {} : { device: machinery.device };
  const options = { threads: each, provider, ...gpu };
  const { layers, flip } = recipe;
  const lengths = Object.fromEntries(
    recipe.layers.map((name, i) => [
      name,
      graphs.reduce((sum, { layers }) => sum + descriptorLength(recipe, layers[i]!.channels), 0),
    ]),
  );
  return {
    recipe,
    nets,
    hash: recipeHash(recipe, nets),
    engine: engine === 'onnxruntime' ? `onnxruntime ${provider}` : engine,
    specs: graphs.map(({ model, externalDataFolder, outputs }, i): RunnerSpec =>
      engine === 'onnxruntime'
        ? { model, externalDataFolder, outputs, options }
        : { ...gpu, ...device, kind: 'tfjs', backbone: backbones[i]!.path, layers, flip, engine, threads },
    ),
    threads,
    workers,
    inputSize,
    lengths,
    ...(size && { size: { ...size, workers } }),
    ...(workers < usual.workers && { remark: fewerWorkers(workers, usual.workers) }),
  };
};
