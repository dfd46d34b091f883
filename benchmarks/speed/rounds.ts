// Contenders timed in alternating rounds: temporary load on a shared machine then affects all of them.
import { setTimeout as pause } from 'node:timers/promises';

/** One call, in milliseconds as the contender itself takes them. */
export type Round = () => number | Promise<number>;

/** Threads of a pool spin for a while after their work: they must not do so while the next contender is timed. */
const CALM = 50;

/** How rounds are run. */
export interface RoundOptions {
  /** Whether a round that does not count comes first; default true. */
  readonly warm?: boolean;
  /** Milliseconds before each call. */
  readonly calm?: number;
}

/** Milliseconds of the best of several rounds for each contender. In every round each is called once, and another one is first. */
export const alternate = async <Name extends string>(
  contenders: Readonly<Record<Name, Round>>,
  rounds: number,
  { warm = true, calm = CALM }: RoundOptions = {},
): Promise<Record<Name, number>> => {
  const entries = Object.entries(contenders) as [Name, Round][];
  const best = Object.fromEntries(entries.map(([name]) => [name, Infinity])) as Record<Name, number>;
  for (let round = warm ? -1 : 0; round < rounds; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      // The order changes, so that no contender always follows the same one, whose threads and garbage may
      // still be active.
      const [name, time] = entries[(Math.max(0, round) + turn) % entries.length]!;
      await pause(calm);
      const milliseconds = await time();
      if (round >= 0) best[name] = Math.min(best[name], milliseconds);
    }
  }
  return best;
};

/** Milliseconds of one call. */
export const timeOf = async (call: () => void | Promise<void>): Promise<number> => {
  const start = performance.now();
  await call();
  return performance.now() - start;
};
