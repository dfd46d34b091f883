// Ranks: processes or threads that train one net together. What they exchange.
import { type Message, VerydeepError, text } from '../../errors.js';

/** The connection of one rank to the others. All ranks call the same operations in the same order. */
export interface Communicator {
  /** From 0. Rank 0 writes and prints. */
  readonly rank: number;
  readonly size: number;
  /** Of the ranks of this host, which one this is, from 0, and how many there are. */
  readonly local: { readonly rank: number; readonly size: number };
  readonly host: string;
  /** Whether `sum` adds in the tree, and so gives the same bits for every number of ranks. */
  readonly isExact: boolean;
  /** Seconds that `sum`, `broadcast` and `gather` took so far. */
  readonly busySeconds: number;
  /**
   * Adds up arrays of all ranks in the tree over `leaves`.
   *
   * @param parts the sums of the nodes that are this rank's leaves (see {@link nodesOf}), all of the same length, a multiple of `size`, in
   *   shared memory; the first receives the sum
   */
  sum(parts: readonly Float32Array[], leaves: number): Promise<void>;
  /** Gives all ranks the numbers of rank 0, in place. */
  broadcast(data: Float32Array): Promise<void>;
  /** The values of all ranks, by rank: plain data, and arrays of numbers. */
  gather<T>(value: T): Promise<T[]>;
  /** Returns when all ranks have called it. */
  barrier(): Promise<void>;
  /** Tells the other ranks that this one ends with an error, and its exit code: they end too. */
  fail(message: string, code: number): Promise<void>;
  /** Ends the connection, when all ranks are done. */
  close(): Promise<void>;
}

/** The value of rank 0. */
export const fromFirst = async <T>(communicator: Communicator, value: () => Promise<T> | T): Promise<T> => {
  const [first] = await communicator.gather(communicator.rank === 0 ? await value() : (undefined as T));
  return first as T;
};

/** A rank as a message names it. */
export const rankName = (rank: number, host: string): string => `rank ${rank} on ${host}`;

/** An error of a rank, or of the connection to it. */
export class RankError extends VerydeepError {
  override readonly name = 'RankError';

  constructor(rank: number, host: string, message: Message) {
    super(text`${rankName(rank, host)}: ${message}`);
  }
}
