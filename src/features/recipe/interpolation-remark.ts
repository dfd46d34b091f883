// A remark where images are resized with another interpolation than the nets were trained with.
import type { Backbone } from '../../backbone/nets/backbone.js';
import type { Interpolation } from '../../interpolation.js';

/**
 * Mean cosine of fc7 descriptors of photographs, shrunk to the smallest scale (256 for an input of 224) with each
 * interpolation, to those with the interpolation of the net's training: measured as docs/weights.md says.
 */
const meanCosines: { readonly [Trained in Interpolation]?: { readonly [Used in Interpolation]?: number } } = {
  linear: { nearest: 0.897, cubic: 0.99, mitchell: 0.999, lanczos2: 0.99, lanczos3: 0.982 },
  cubic: { nearest: 0.928, linear: 0.99, mitchell: 0.993, lanczos2: 1, lanczos3: 0.998 },
};

/** The interpolation of the nets' training, where their files name one and all the same. */
export const trainedInterpolation = (
  backbones: readonly Pick<Backbone, 'metadata'>[],
): Interpolation | undefined => {
  const names = new Set(backbones.map(({ metadata }) => metadata.input.interpolation));
  return names.size === 1 ? [...names][0] : undefined;
};

/** What to know of a recipe's interpolation where the nets were trained with another; nothing where it is theirs or unknown. */
export const interpolationRemark = (
  interpolation: Interpolation,
  backbones: readonly Pick<Backbone, 'metadata'>[],
): string | undefined => {
  const trained = trainedInterpolation(backbones);
  if (trained === undefined || trained === interpolation) return undefined;
  const cosine = meanCosines[trained]?.[interpolation];
  return (
    `Images are resized with ${interpolation}; the interpolation nearest to the net's training is ${trained}` +
    (cosine === undefined
      ? '.'
      : ` (descriptors of photographs at the smallest scale: mean cosine ${cosine}).`)
  );
};
