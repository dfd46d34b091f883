// The loops of batch normalisation on two threads: a worker takes half of the images of a large tensor.
import type { ComputeWorker, TaskKind } from '../threads/worker.js';
import { type Form, type Loop, FORM, serialBatchNorm } from './batch-norm.js';
import type { Extent } from './loops.js';
import { added, bothHalves, halvesOf } from './parallel.js';

/** The tasks of a worker that are these loops. */
const batchNormTasks = {
  batchNormMoments: 'moments',
  batchNorm: 'normalise',
  batchNormGradientSums: 'gradientSums',
  batchNormGradient: 'gradient',
} as const satisfies Partial<Record<TaskKind, keyof typeof serialBatchNorm>>;

/** The tensors, each cut after this share of it. */
const cutAt = (tensors: readonly Float32Array[], share: number) => {
  const ends = tensors.map(({ length }) => Math.round(length * share));
  return [
    tensors.map((tensor, i) => tensor.subarray(0, ends[i])),
    tensors.map((tensor, i) => tensor.subarray(ends[i])),
  ] as const;
};

const parallel =
  (kind: keyof typeof batchNormTasks) =>
  (
    worker: ComputeWorker | undefined,
    tensors: readonly Float32Array[],
    perChannel: Float32Array,
    extent: Extent,
    form: Form = FORM.linear,
  ): Float64Array => {
    const loop: Loop = serialBatchNorm[batchNormTasks[kind]];
    const halves = halvesOf(extent, tensors[0]!.length);
    if (!halves) return loop(tensors, perChannel, extent, form);
    const [first, second] = halves;
    const [a, b] = cutAt(tensors, first.images / extent.images);
    const { images, planes, rows, columns, channels } = second;
    const hasSums = kind === 'batchNormMoments' || kind === 'batchNormGradientSums';
    return added(
      bothHalves(
        worker,
        {
          kind,
          parameters: [images, planes, rows, columns, channels, form],
          arrays: [...b, perChannel],
          sums: hasSums ? 2 * planes * channels : 0,
        },
        () => loop(a, perChannel, first, form),
        () => loop(b, perChannel, second, form),
      ),
    );
  };

/** The loops of {@link serialBatchNorm}. An object, so that a profile can time them. */
export const parallelBatchNorm = {
  moments: parallel('batchNormMoments'),
  normalise: parallel('batchNorm'),
  gradientSums: parallel('batchNormGradientSums'),
  gradient: parallel('batchNormGradient'),
};
