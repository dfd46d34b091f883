// Joins activations over crops, scales, regions and nets into the descriptor of an image (section B).
import { stacked } from '../../matrix.js';
import { type Recipe, regionsOf } from './recipe.js';
import type { View } from './views.js';

/** Divides by the Euclidean norm, computed in double precision. A zero vector is unchanged. */
export const l2Normalised = (vector: Float32Array): Float32Array => {
  let sum = 0;
  for (const x of vector) sum += x * x;
  const norm = Math.sqrt(sum);
  return norm === 0 ? vector : vector.map((x) => x / norm);
};

const checkNotEmpty = (vectors: readonly Float32Array[]): Float32Array => {
  const first = vectors[0];
  if (!first) throw new RangeError('no vectors to join');
  return first;
};

/** Mean of vectors of equal length, summed in double precision. */
export const meanOf = (vectors: readonly Float32Array[]): Float32Array => {
  const first = checkNotEmpty(vectors);
  if (vectors.length === 1) return first;
  return first.map((_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0) / vectors.length);
};

/** Coordinate-wise maximum. */
export const maxOf = (vectors: readonly Float32Array[]): Float32Array => {
  const first = checkNotEmpty(vectors);
  return first.map((_, i) => vectors.reduce((most, vector) => Math.max(most, vector[i]!), -Infinity));
};

const joins = { average: meanOf, max: maxOf, stack: stacked } as const;

/**
 * Joins the activations of one layer of one net into a descriptor: averages the crops of a scale, joins
 * scales as the recipe says, normalises, stacks regions.
 *
 * @param activations one vector per view
 */
export const joinViews = (
  recipe: Recipe,
  views: readonly Pick<View, 'region' | 'scale'>[],
  activations: readonly Float32Array[],
): Float32Array =>
  stacked(
    regionsOf(recipe).map((_, region) => {
      const scales = recipe.scales.map((_, scale) => {
        const crops = activations.filter((_, i) => views[i]!.region === region && views[i]!.scale === scale);
        const mean = meanOf(crops);
        return recipe.descriptorNorm === 'per-scale' ? l2Normalised(mean) : mean;
      });
      const joined = joins[recipe.aggregate](scales);
      return recipe.descriptorNorm === 'none' ? joined : l2Normalised(joined);
    }),
  );
