// Joining activations: by hand-computed numbers, for every way of the recipe.
import assert from 'node:assert/strict';
import { joinViews, l2Normalised, maxOf, meanOf } from '../../../src/features/recipe/descriptor.js';
import { stacked } from '../../../src/matrix.js';
import { resolveRecipe } from '../../../src/features/recipe/recipe.js';

const vector = (...values: number[]): Float32Array => Float32Array.from(values);
const close = (given: Float32Array, expected: readonly number[]): void => {
  assert.equal(given.length, expected.length);
  given.forEach((x, i) =>
    assert.ok(Math.abs(x - expected[i]!) < 1e-6, `${[...given].join()} is not ${expected.join()}`),
  );
};

const views = [
  { region: 0, scale: 0 },
  { region: 0, scale: 1 },
];
const activations = [vector(3, 4), vector(0, 10)];

describe('features/descriptor', () => {
  it('normalises to length 1, and leaves zeros', () => {
    close(l2Normalised(vector(3, 4)), [0.6, 0.8]);
    close(l2Normalised(vector(0, 0)), [0, 0]);
    close(l2Normalised(vector(1e30, 0)), [1, 0]);
  });

  it('averages, takes the maximum, stacks', () => {
    close(meanOf(activations), [1.5, 7]);
    close(maxOf(activations), [3, 10]);
    close(stacked(activations), [3, 4, 0, 10]);
  });

  it('joins scales as the recipe says, and normalises once at the end or at each scale as well', () => {
    const join = (change: object) =>
      joinViews(resolveRecipe({ scales: [224, 256], ...change }, 224), views, activations);
    const length = Math.hypot(1.5, 7);
    close(join({}), [1.5 / length, 7 / length]);
    close(join({ descriptorNorm: 'none' }), [1.5, 7]);
    close(join({ aggregate: 'max' }), [3 / Math.hypot(3, 10), 10 / Math.hypot(3, 10)]);
    const all = Math.hypot(3, 4, 10);
    close(join({ aggregate: 'stack' }), [3 / all, 4 / all, 0, 10 / all]);
    close(
      join({ aggregate: 'stack', descriptorNorm: 'per-scale' }),
      [0.6, 0.8, 0, 1].map((x) => x / Math.SQRT2),
    );
  });

  it('averages crops of a scale, and stacks regions, each normalised', () => {
    const crops = resolveRecipe({ region: 'crops', crops: 2, scales: [224], descriptorNorm: 'none' }, 224);
    const four = Array.from({ length: 4 }, () => ({ region: 0, scale: 0 }));
    close(joinViews(crops, four, [vector(1), vector(2), vector(3), vector(6)]), [3]);
    const both = resolveRecipe({ region: 'image+box', scales: [224] }, 224);
    const two = [
      { region: 0, scale: 0 },
      { region: 1, scale: 0 },
    ];
    close(joinViews(both, two, activations), [0.6, 0.8, 0, 1]);
  });
});
