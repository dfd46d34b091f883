// What an extraction will do, before it starts: nets opened and checked, the recipe completed, threads shared out.
import { availableParallelism } from 'node:os';
import { type Backbone, openBackbone } from '../backbone/backbone.js';
import { type CompiledGraph, compileGraph } from '../backbone/graph.js';
import { compileInt8Graph } from '../backbone/int8-graph.js';
import { expected } from '../errors.js';
import type { SessionOptions } from '../engine/session.js';
import type { PreparedInt8 } from './int8.js';
import {
  type NetIdentity,
  type Recipe,
  type RecipeChoice,
  descriptorLength,
  recipeHash,
  resolveRecipe,
} from './recipe.js';
import type { OnnxSpec } from './runner.js';

/** Weights above this many bytes are held once, by one worker with all threads; below, every thread has its own. */
const LARGE_WEIGHTS = 64 * 2 ** 20;

/** What computes. */
export interface Machinery {
  readonly threads?: number;
  readonly workers?: number;
  readonly provider?: SessionOptions['provider'];
  readonly gpu?: number;
}

export interface Plan {
  readonly recipe: Recipe;
  readonly nets: readonly NetIdentity[];
  readonly hash: string;
  readonly engine: string;
  readonly specs: readonly OnnxSpec[];
  readonly threads: number;
  readonly workers: number;
  /** Side of crops in pixels: the largest input of the nets. */
  readonly inputSize: number;
  /** Numbers of a descriptor, by layer. */
  readonly lengths: Readonly<Record<string, number>>;
}

const weightBytes = (backbone: Backbone): number =>
  [...backbone.tensors.values()].reduce((sum, { length }) => sum + length, 0);

/** How many workers there are, and threads each: measured to be fastest (docs/performance.md). */
const shareThreads = (
  backbones: readonly Backbone[],
  { threads = availableParallelism(), workers, provider = 'cpu' }: Machinery,
  int8: boolean,
): { threads: number; workers: number; each: number } => {
  const large = backbones.some((backbone) => weightBytes(backbone) > LARGE_WEIGHTS);
  const count = workers ?? ((large && !int8) || provider !== 'cpu' ? 1 : threads);
  return { threads, workers: count, each: Math.max(1, Math.floor(threads / count)) };
};

/** The nets of an extraction, opened, and the recipe completed for them. */
export interface OpenedNets {
  readonly backbones: readonly Backbone[];
  readonly recipe: Recipe;
  /** The largest input of the nets. */
  readonly inputSize: number;
}

/**
 * Opens the backbones and completes the recipe.
 *
 * @throws UsageError for a backbone file or recipe that does not fit
 */
export const openNets = async (paths: readonly string[], choice: RecipeChoice): Promise<OpenedNets> => {
  if (paths.length === 0) throw expected('at least one backbone file', '--backbone', 'none');
  const backbones: Backbone[] = [];
  for (const path of paths) backbones.push(await openBackbone(path));
  const inputSize = Math.max(...backbones.map(({ metadata }) => metadata.architecture.inputSize));
  return { backbones, recipe: resolveRecipe(choice, inputSize), inputSize };
};

/**
 * Compiles the nets and shares out the threads.
 *
 * @param int8 the quantised nets, for a recipe of that precision
 * @throws UsageError for a layer that a net does not have
 */
export const planExtraction = async (
  { backbones, recipe, inputSize }: OpenedNets,
  machinery: Machinery,
  int8?: Pick<PreparedInt8, 'files' | 'hashes'>,
): Promise<Plan> => {
  const { threads, workers, each } = shareThreads(backbones, machinery, int8 !== undefined);
  const provider = machinery.provider ?? 'cpu';
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
  const options = {
    threads: each,
    provider,
    ...(machinery.gpu === undefined ? {} : { gpu: machinery.gpu }),
  };
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
    engine: `onnxruntime ${provider}`,
    specs: graphs.map(({ model, externalDataFolder, outputs }) => ({
      model,
      externalDataFolder,
      outputs,
      options,
    })),
    threads,
    workers,
    inputSize,
    lengths,
  };
};
