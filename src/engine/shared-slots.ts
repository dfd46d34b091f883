// A table that all threads of the process see: which sessions are shared, and how many threads use each.
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { VerydeepError } from '../errors.js';

/** A session that a thread of this process shares. It can be posted to a worker thread. */
export interface SharedSession {
  readonly slot: number;
}

const SLOTS = 256;
const key = 'verydeep.shared-sessions';

/** Two numbers a slot: the pointer that is shared (0: none), and how many threads use it. */
const table = (): BigInt64Array => {
  const found = getEnvironmentData(key) as SharedArrayBuffer | undefined;
  if (!found) setEnvironmentData(key, new SharedArrayBuffer(16 * SLOTS));
  return new BigInt64Array(found ?? (getEnvironmentData(key) as SharedArrayBuffer));
};

/** Creates the table: threads that start from now on can share sessions with each other and with this one. */
export const prepareSharing = (): void => {
  table();
};

/** Puts `value` into a free slot, with this thread as its only user. @throws VerydeepError when no slot is free */
export const publish = (value: bigint): SharedSession => {
  const slots = table();
  for (let slot = 0; slot < SLOTS; slot++) {
    if (Atomics.compareExchange(slots, 2 * slot, 0n, value) !== 0n) continue;
    Atomics.store(slots, 2 * slot + 1, 1n);
    return { slot };
  }
  throw new VerydeepError(
    `Expected at most ${SLOTS} shared sessions in a process: close some before sharing more.`,
  );
};

/** Counts this thread as a user and returns what is shared. @throws VerydeepError when all users have left */
export const enter = ({ slot }: SharedSession): bigint => {
  const slots = table();
  for (;;) {
    const users = Atomics.load(slots, 2 * slot + 1);
    if (users <= 0n) throw new VerydeepError('A shared session was used after it was closed.');
    if (Atomics.compareExchange(slots, 2 * slot + 1, users, users + 1n) === users) break;
  }
  return Atomics.load(slots, 2 * slot);
};

/** Stops counting this thread as a user; true for the last one, which must free what was shared. */
export const leave = ({ slot }: SharedSession): boolean => {
  const slots = table();
  if (Atomics.sub(slots, 2 * slot + 1, 1n) > 1n) return false;
  Atomics.store(slots, 2 * slot, 0n);
  return true;
};
