// How ranks add up gradients, as the options say.
import type { HowToSum } from '../../engine/communicator/thread.js';
import type { TrainingOptions } from './options.js';

/** @param localRank of this rank among those of its host: it takes the GPU of that number unless another is given */
export const howToSum = (
  { compress, nccl, gpu }: Partial<Pick<TrainingOptions, 'compress' | 'nccl' | 'gpu'>>,
  localRank: number,
): HowToSum => ({
  ...(compress === 'bf16' && { isCompressed: true }),
  ...(nccl && { ncclOn: gpu ?? localRank }),
});
