// The digests of the images of a run, of which each rank has read some.
import type { Communicator } from '../../engine/communicator/communicator.js';
import type { Example, Loader } from './loader.js';

/** The digests of all images, for all ranks. Those that none has read are read now, by each rank a share. */
export const sharedDigests = async (
  loader: Loader,
  communicator: Communicator,
  examples: readonly Example[],
): Promise<number[]> => {
  const { rank, size } = communicator;
  if (size === 1) return loader.digestsOf(examples);
  const known = new Set((await communicator.gather(loader.knownOf(examples))).flat());
  const missing = examples.filter((_, i) => !known.has(i));
  await loader.digestsOf(missing.filter((_, i) => i % size === rank));
  const own = loader.knownOf(examples).flatMap((i) => {
    const digest = loader.digestOf(examples[i]!);
    return digest === undefined ? [] : [[i, digest] as const];
  });
  const all = new Map((await communicator.gather(own)).flat());
  return examples.flatMap((_, i) => all.get(i) ?? []);
};
