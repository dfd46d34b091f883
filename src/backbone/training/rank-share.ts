// How ranks share a run: which micro-batches can be dealt evenly, which GPU a rank has, and that all have the same run.
import { type Communicator, rankName } from '../../engine/communicator/communicator.js';
import { UsageError, expected, option, text } from '../../errors.js';
import { type Work, differenceOf } from '../../io/work.js';

/** The sizes of micro-batches whose number in a batch is a multiple of the number of ranks, the largest first; those that divide it before the others. */
export const evenMicroBatches = (batch: number, size: number): number[] => {
  const all = Array.from({ length: batch }, (_, i) => batch - i).filter(
    (images) => Math.ceil(batch / images) % size === 0,
  );
  const divides = (images: number): boolean => batch % images === 0;
  return [...all.filter(divides), ...all.filter((images) => !divides(images))];
};

const SHOWN = 8;

/**
 * Checks that the micro-batches of a batch can be dealt evenly.
 *
 * @throws UsageError naming the values that can
 */
export const checkShares = (batch: number, microBatch: number, size: number): void => {
  const even = evenMicroBatches(batch, size);
  if (even.length === 0)
    throw expected(
      `a number of images that ${size} ranks can share: a multiple of ${size}`,
      option('batch'),
      batch,
    );
  if (even.includes(microBatch)) return;
  throw expected(
    `a number of images of which ${batch} make a multiple of ${size} micro-batches, one of ${even.slice(0, SHOWN).join(', ')}${even.length > SHOWN ? ', …' : ''},`,
    option('microBatch'),
    microBatch,
    text`${option('batch')} ${batch} is ${Math.ceil(batch / microBatch)} micro-batches of ${microBatch}, for ${size} ranks.`,
  );
};

/** The GPU of a rank that is given none, of those that it sees. */
export const gpuOf = ({ local }: Pick<Communicator, 'local'>, visible: string | undefined): number =>
  visible === undefined ? local.rank : local.rank % Math.max(1, visible.split(',').length);

/**
 * Compares what the ranks are about to do.
 *
 * @throws UsageError naming the first rank that differs from rank 0, and in what
 */
export const agree = async (communicator: Communicator, work: Work): Promise<void> => {
  const all = await communicator.gather({ host: communicator.host, work });
  const [first] = all as [(typeof all)[0]];
  all.forEach((each, r) => {
    const difference = differenceOf(first.work, each.work);
    if (difference === undefined) return;
    throw new UsageError(
      text`${rankName(r, each.host)} has another run than ${rankName(0, first.host)}: ${difference}. Start all ranks with the same version, options and images.`,
    );
  });
};
