// Opens the communicator of a process that a launcher started as one of several ranks.
import type { Communicator } from './communicator.js';
import { type Launched, launched } from './launcher.js';
import { single } from './single.js';
import type { HowToSum } from './thread.js';
import { ThreadedCommunicator } from './threaded.js';
import { RANK_TIMEOUT } from './timeout.js';
import { watchOver } from './watch.js';

/**
 * The communicator of this process, which the environment of its launcher decides: of several ranks, or of one that is alone.
 *
 * @throws UsageError or VerydeepError if MPI's library cannot be used, or is not the launcher's
 */
export const openLaunched = async (
  how: HowToSum = {},
  timeout = RANK_TIMEOUT,
  start: Launched | undefined = launched(),
): Promise<Communicator> => {
  if (!start) return single;
  // Ranks that wait leave the processor to those that compute.
  process.env['OMPI_MCA_mpi_yield_when_idle'] ??= '1';
  const communicator = await ThreadedCommunicator.open({ kind: 'mpi', launched: start }, how);
  communicator.guardedBy(await watchOver(communicator, timeout));
  return communicator;
};
