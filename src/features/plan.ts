// What an extraction will do, before it starts: nets opened and checked, the recipe completed, threads shared out.
import { availableParallelism } from 'node:os';
import { type Backbone, openBackbone } from '../backbone/backbone.js';
import { compileGraph } from '../backbone/graph.js';
import { expected } from '../errors.js';
import type { SessionOptions } from '../engine/session.js';
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
): { threads: number; workers: number; each: number } => {
  const large = backbones.some((backbone) => weightBytes(backbone) > LARGE_WEIGHTS);
  const count = workers ?? (large || provider !== 'cpu' ? 1 : threads);
  return { threads, workers: count, each: Math.max(1, Math.floor(threads / count)) };
};

/**
 * Opens the backbones, completes the recipe and compiles the nets.
 *
 * @throws UsageError for a backbone file, layer or scale that does not fit
 */
export const planExtraction = async (
  paths: readonly string[],
  choice: RecipeChoice,
  machinery: Machinery,
): Promise<Plan> => {
  if (paths.length === 0) throw expected('at least one backbone file', '--backbone', 'none');
  const backbones: Backbone[] = [];
  for (const path of paths) backbones.push(await openBackbone(path));
  const inputSize = Math.max(...backbones.map(({ metadata }) => metadata.architecture.inputSize));
  const recipe = resolveRecipe(choice, inputSize);
  const { threads, workers, each } = shareThreads(backbones, machinery);
  const provider = machinery.provider ?? 'cpu';
  const graphs = backbones.map((backbone) => compileGraph(backbone, recipe));
  const specs = graphs.map(({ model, externalDataFolder, outputs }): OnnxSpec => ({
    kind: 'onnx',
    model,
    externalDataFolder,
    outputs,
    options: { threads: each, provider, ...(machinery.gpu === undefined ? {} : { gpu: machinery.gpu }) },
  }));
  const nets: NetIdentity[] = [];
  for (const backbone of backbones) {
    nets.push({ sha256: await backbone.sha256(), config: backbone.metadata.architecture.config });
  }
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
    specs,
    threads,
    workers,
    inputSize,
    lengths,
  };
};
