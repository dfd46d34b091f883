// The ranks of a command under mpirun or srun: rank 0 prints, and an error in one ends all.
import type { Communicator } from '../engine/communicator/communicator.js';
import { rankName } from '../engine/communicator/communicator.js';
import { endProcess } from '../engine/communicator/end-process.js';
import { openLaunched } from '../engine/communicator/open.js';
import type { HowToSum } from '../engine/communicator/thread.js';
import { InterruptedError, VerydeepError, messageOf } from '../errors.js';
import { messageForCli } from './flag.js';
import { exitCodes } from './output.js';

const codeOf = (error: unknown): number => {
  if (error instanceof InterruptedError) return exitCodes.interrupted;
  return error instanceof VerydeepError ? error.exitCode : exitCodes.failed;
};

/** A rank whose process ends in the midst of its work has failed, whatever code it gives: launchers go by that. */
const failWhereLeft = (code: number): void => {
  if (code === 0) process.exitCode = exitCodes.failed;
};

/**
 * Runs `work` as one of the ranks that a launcher started, or alone. Where it throws, the other ranks are told, and this process ends at
 * once: other threads of it may wait in MPI for ever.
 */
export const asRank = async <T>(
  how: HowToSum,
  timeout: number | undefined,
  work: (communicator: Communicator | undefined) => Promise<T>,
): Promise<T> => {
  const communicator = await openLaunched(how, timeout);
  if (communicator.size === 1) return work(undefined);
  const { rank, host } = communicator;
  process.on('exit', failWhereLeft);
  try {
    const result = await work(communicator);
    await communicator.close();
    return result;
  } catch (error) {
    const said =
      error instanceof VerydeepError ? messageForCli(error) : `unexpected error: ${messageOf(error)}`;
    const line = `${rankName(rank, host)}: ${said}`;
    process.stderr.write(`verydeep: ${line}\n`);
    const code = codeOf(error);
    await communicator.fail(line, code);
    endProcess(code);
    throw error;
  } finally {
    process.off('exit', failWhereLeft);
  }
};

/** Runs `work` in the first rank of each host before the others: what it keeps on disk is made once. */
export const firstOnHost = async <T>(
  communicator: Communicator | undefined,
  work: () => Promise<T>,
): Promise<T> => {
  if (!communicator) return work();
  const isFirst = communicator.local.rank === 0;
  const early = isFirst ? await work() : undefined;
  await communicator.barrier();
  return isFirst ? (early as T) : work();
};
