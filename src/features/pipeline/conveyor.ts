// Processes items in order, a bounded number at a time, and passes on each part when its last item is done.
import pLimit from 'p-limit';

interface ConveyorOptions<Item, Result> {
  /** The parts and their items, in order. */
  readonly parts: readonly { readonly number: number; readonly items: readonly Item[] }[];
  /** Items processed at once. */
  readonly width: number;
  readonly work: (item: Item) => Promise<Result>;
  /**
   * Takes the results of a part in the order of its items; after a failure or an interruption, only those of
   * its first items.
   */
  readonly finish: (part: number, results: readonly Result[]) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

/** Results up to the first missing one. */
const unbroken = <T>(results: readonly (T | undefined)[]): T[] => {
  const end = results.findIndex((result) => result === undefined);
  return (end < 0 ? results : results.slice(0, end)) as T[];
};

/**
 * Runs until all parts are done, a task fails, or the signal is aborted. At most two parts are in memory.
 *
 * @returns whether all parts were done; false after an abort
 * @throws the error of the first failing task, after all running tasks have ended
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
    // Tasks start in the order of the items, so after a stop the started ones are the first.
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
