// From activations of single views to the descriptor of an image: crops, scales, regions and nets joined (sec. B).
import { stacked } from '../../matrix.js';
import { type Recipe, regionsOf } from './recipe.js';
import type { View } from './views.js';

/** Divides by the Euclidean norm, computed in double precision; a vector of zeros stays as it is. */
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

/** Mean of vectors of one length, summed in double precision. */
export const meanOf = (vectors: readonly Float32Array[]): Float32Array => {
  const first = checkNotEmpty(vectors);
  if (vectors.length === 1) return first;
  return first.map((_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0) / vectors.length);
};

/** The largest of each coordinate. */
export const maxOf = (vectors: readonly Float32Array[]): Float32Array => {
  const first = checkNotEmpty(vectors);
  return first.map((_, i) => vectors.reduce((most, vector) => Math.max(most, vector[i]!), -Infinity));
};

const joins = { average: meanOf, max: maxOf, stack: stacked } as const;

/**
 * Joins the activations that one net gives for one layer into the descriptor of the image.
 *
 * Crops of a scale are averaged, scales joined as the recipe says, the result normalised, regions stacked.
 *
 * @param activations a vector for each of `views`
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
        return recipe.normalize === 'per-scale' ? l2Normalised(mean) : mean;
      });
      const joined = joins[recipe.aggregate](scales);
      return recipe.normalize === 'none' ? joined : l2Normalised(joined);
    }),
  );
