// A remark if images are resized with another interpolation than in the nets' training.
import type { Backbone } from '../../backbone/nets/backbone.js';
import type { Interpolation } from '../../interpolation.js';

/**
 * Mean cosine of fc7 descriptors of photographs, resized to the smallest scale (256 for an input of 224):
 * each interpolation against that of the net's training. docs/weights.md says how it was measured.
 */
const meanCosines: { readonly [Trained in Interpolation]?: { readonly [Used in Interpolation]?: number } } = {
  linear: { nearest: 0.897, cubic: 0.99, mitchell: 0.999, lanczos2: 0.99, lanczos3: 0.982 },
  cubic: { nearest: 0.928, linear: 0.99, mitchell: 0.993, lanczos2: 1, lanczos3: 0.998 },
};

/** The interpolation of the nets' training, if all their files name the same one. */
export const trainedInterpolation = (
  backbones: readonly Pick<Backbone, 'metadata'>[],
): Interpolation | undefined => {
  const names = new Set(backbones.map(({ metadata }) => metadata.input.interpolation));
  return names.size === 1 ? [...names][0] : undefined;
};

/**
 * The remark on a recipe's interpolation; undefined if the nets were trained with it, or with an unknown one.
 */
export const interpolationRemark = (
  interpolation: Interpolation,
  backbones: readonly Pick<Backbone, 'metadata'>[],
): string | undefined => {
  const trained = trainedInterpolation(backbones);
  if (trained === undefined || trained === interpolation) return undefined;
  const cosine = meanCosines[trained]?.[interpolation];
  return (
    `Images are resized with ${interpolation}; the net was trained with (or closest to) ${trained}` +
    (cosine === undefined
      ? '.'
      : ` (descriptors of photographs at the smallest scale: mean cosine ${cosine}).`)
  );
};
