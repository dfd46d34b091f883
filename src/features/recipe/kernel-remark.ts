// A remark where images are resized with another kernel than the one the nets were trained with.
import type { Backbone } from '../../backbone/nets/backbone.js';
import type { Kernel } from '../../images/kernels.js';

/**
 * Mean cosine of fc7 descriptors of photographs, shrunk to the smallest scale (256 for an input of 224) with each kernel,
 * to those with the kernel of the net's training: measured as docs/weights.md says.
 */
const meanCosines: Partial<Readonly<Record<Kernel, Partial<Readonly<Record<Kernel, number>>>>>> = {
  linear: { nearest: 0.897, cubic: 0.99, mitchell: 0.999, lanczos2: 0.99, lanczos3: 0.982 },
  cubic: { nearest: 0.928, linear: 0.99, mitchell: 0.993, lanczos2: 1, lanczos3: 0.998 },
};

/** The kernel of the nets' training, where their files name one and all the same. */
export const trainedKernel = (backbones: readonly Pick<Backbone, 'metadata'>[]): Kernel | undefined => {
  const kernels = new Set(backbones.map(({ metadata }) => metadata.input.kernel));
  return kernels.size === 1 ? [...kernels][0] : undefined;
};

/** What to know of a recipe's kernel where the nets were trained with another; nothing where it is theirs or unknown. */
export const kernelRemark = (
  kernel: Kernel,
  backbones: readonly Pick<Backbone, 'metadata'>[],
): string | undefined => {
  const trained = trainedKernel(backbones);
  if (trained === undefined || trained === kernel) return undefined;
  const cosine = meanCosines[trained]?.[kernel];
  return (
    `Images are resized with ${kernel}; the kernel nearest to the net's training is ${trained}` +
    (cosine === undefined
      ? '.'
      : ` (descriptors of photographs at the smallest scale: mean cosine ${cosine}).`)
  );
};
