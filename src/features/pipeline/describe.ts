// Computes the descriptor of one image: every net runs on every view, and the activations are joined for each
// layer.
import { stacked } from '../../matrix.js';
import { joinViews } from '../recipe/descriptor.js';
import type { Recipe } from '../recipe/recipe.js';
import type { Runner } from './runner.js';
import type { View } from '../recipe/views.js';

/** The descriptors of an image, one per layer of the recipe; several nets are stacked in the given order. */
export const describeViews = async (
  runners: readonly Runner[],
  recipe: Recipe,
  views: readonly View[],
): Promise<Float32Array[]> => {
  const byNet: Float32Array[][] = [];
  for (const runner of runners) {
    const activations: Float32Array[][] = [];
    for (const { image } of views) activations.push(await runner.run(image));
    byNet.push(
      recipe.layers.map((_, layer) =>
        joinViews(
          recipe,
          views,
          activations.map((each) => each[layer]!),
        ),
      ),
    );
  }
  return recipe.layers.map((_, layer) => stacked(byNet.map((descriptors) => descriptors[layer]!)));
};
