// The fidelity check of int8: how close its descriptors are to float32, on held-out images.
import type { Backbone } from '../../backbone/nets/backbone.js';
import { compileGraph } from '../../backbone/nets/graph.js';
import { compileInt8Graph } from '../../backbone/int8/graph.js';
import { describeViews } from './describe.js';
import type { Sample } from './int8-sample.js';
import type { Recipe } from '../recipe/recipe.js';
import { type Runner, onnxRunner } from './runner.js';

/** Cosine between int8 and float32 descriptors, over held-out images. */
export interface Fidelity {
  readonly images: number;
  readonly meanCosine: number;
  readonly leastCosine: number;
}

/** The required fidelity. */
const gate = { meanCosine: 0.999, leastCosine: 0.995 } as const;

/** The required fidelity, in words. */
export const gateText = `the fidelity check (mean cosine ${gate.meanCosine}, smallest ${gate.leastCosine})`;

/** The fidelity in words. */
export const fidelityText = ({ meanCosine, leastCosine, images }: Fidelity): string =>
  `cosine to fp32: mean ${meanCosine.toFixed(5)}, smallest ${leastCosine.toFixed(5)}, over ${images} images`;

/** Whether the fidelity passes the check. */
export const passes = ({ meanCosine, leastCosine }: Fidelity): boolean =>
  meanCosine >= gate.meanCosine && leastCosine >= gate.leastCosine;

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

/** Compares int8 and float32 descriptors of held-out images; the layer with the smallest cosine counts. */
export const measureFidelity = async (
  backbones: readonly Backbone[],
  files: readonly string[],
  held: readonly Sample[],
  recipe: Recipe,
  threads: number,
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
