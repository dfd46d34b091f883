// Times contenders in alternating rounds, so that temporary load on a shared machine affects all of them.
import { setTimeout as pause } from 'node:timers/promises';

/** One call; returns the milliseconds that the contender measured. */
export type Round = () => number | Promise<number>;

/** Pause before each call: pool threads spin for a while after their work. */
const CALM = 50;

/** Options of the rounds. */
export interface RoundOptions {
  /** Whether to start with a round that is not counted. Default: true. */
  readonly warm?: boolean;
  /** Milliseconds before each call. */
  readonly calm?: number;
}

/** The best milliseconds of each contender over several rounds. Each round calls every contender once, starting with the next one. */
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
