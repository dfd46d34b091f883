// Ctrl-C: the first SIGINT, SIGTERM or SIGUSR2 stops a command cleanly.
import { InterruptedError } from '../errors.js';
import { messageForCli } from './flag.js';
import { exitCodes } from './output.js';

export interface InterruptibleOptions {
  /** Removes the progress display; always called, before anything is printed. */
  readonly stop?: () => void;
  /** Message printed on standard error when interrupted. Default: that of the work, or how to continue. */
  readonly told?: string;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGUSR2'] as const;

const GO_ON = 'Interrupted; run the same command again to continue.';

const isInterruption = (error: unknown, signal: AbortSignal): boolean =>
  error instanceof InterruptedError ||
  (signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError')));

/**
 * Runs `work` with a signal that the first SIGINT, SIGTERM or SIGUSR2 (which Slurm can send, and Open MPI passes on) aborts; a second one
 * kills the process as usual.
 * An interruption is reported on standard error with exit code 130; other errors are rethrown.
 *
 * @returns the result of `work`, or undefined if interrupted
 */
export const interruptible = async <T>(
  work: (signal: AbortSignal) => Promise<T>,
  { stop, told }: InterruptibleOptions = {},
): Promise<T | undefined> => {
  const abort = new AbortController();
  const release = (): void => {
    for (const name of SIGNALS) process.off(name, onSignal);
  };
  const onSignal = (): void => {
    release();
    abort.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await work(abort.signal);
  } catch (error) {
    if (!isInterruption(error, abort.signal)) throw error;
    stop?.();
    const said = error instanceof InterruptedError ? messageForCli(error) : GO_ON;
    if (told !== '') process.stderr.write(`${told ?? said}\n`);
    process.exitCode = exitCodes.interrupted;
    return undefined;
  } finally {
    stop?.();
    release();
  }
};
