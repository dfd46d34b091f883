// Keeps a bounded number of images under way, in order, and hands each part over when the last of its images is done.
import pLimit from 'p-limit';

export interface ConveyorOptions<Item, Result> {
  /** The parts to do, each with its items, in order. */
  readonly parts: readonly { readonly number: number; readonly items: readonly Item[] }[];
  /** Items under way at once. */
  readonly width: number;
  readonly work: (item: Item) => Promise<Result>;
  /**
   * Takes the results of a part in the order of its items. After a failure or an interruption they are those of its first
   * items only.
   */
  readonly finish: (part: number, results: readonly Result[]) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

/** Results up to the first one that is missing. */
const unbroken = <T>(results: readonly (T | undefined)[]): T[] => {
  const end = results.findIndex((result) => result === undefined);
  return (end < 0 ? results : results.slice(0, end)) as T[];
};

/**
 * Runs the conveyor until all parts are done, a task fails, or the signal comes. At most two parts are in memory.
 *
 * @returns whether all parts were done; false after the signal
 * @throws what the first failing task threw, once all tasks under way have ended
 */
export const conveyor = async <Item, Result extends object>({
  parts,
  width,
  work,
  finish,
  signal,
}: ConveyorOptions<Item, Result>): Promise<boolean> => {
  const limit = pLimit(width);
  let failure: { readonly error: unknown } | undefined;
  const noted = (error: unknown): undefined => {
    failure ??= { error };
    return undefined;
  };
  const stopped = (): boolean => failure !== undefined || signal?.aborted === true;
  let finishing: Promise<void> = Promise.resolve();
  for (const { number, items } of parts) {
    // In the order of the items: after a stop those that were begun are the first ones.
    const results = items.map((item) => limit(async () => (stopped() ? undefined : work(item).catch(noted))));
    const before = finishing;
    finishing = Promise.all(results)
      .then(async (done) => {
        await before;
        await finish(number, unbroken(done));
      })
      .catch(noted);
    await before;
    if (stopped()) break;
  }
  await finishing;
  if (failure) throw failure.error;
  return signal?.aborted !== true;
};
