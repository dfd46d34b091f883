// Ctrl-C: the first SIGINT or SIGTERM asks a command's work to end cleanly.
import { InterruptedError } from '../errors.js';
import { messageForCli } from './flag.js';
import { exitCodes } from './output.js';

export interface InterruptibleOptions {
  /** Takes the progress display away; called before anything is said, and in every case. */
  readonly stop?: () => void;
  /** What an interruption is told as on standard error [what the work itself says of it, or how to go on]. */
  readonly told?: string;
}

const GO_ON = 'Interrupted; run the same command again to go on.';

const isInterruption = (error: unknown, signal: AbortSignal): boolean =>
  error instanceof InterruptedError ||
  (signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError')));

/**
 * Runs `work` with a signal that the first SIGINT or SIGTERM sets off; the next one ends the process as usual. Work
 * that ends for that reason is told on standard error and the process will exit with 130; any other error is passed on.
 *
 * @returns what `work` returns, or undefined where it was interrupted
 */
export const interruptible = async <T>(
  work: (signal: AbortSignal) => Promise<T>,
  { stop, told }: InterruptibleOptions = {},
): Promise<T | undefined> => {
  const abort = new AbortController();
  const release = (): void => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  };
  const onSignal = (): void => {
    release();
    abort.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await work(abort.signal);
  } catch (error) {
    if (!isInterruption(error, abort.signal)) throw error;
    stop?.();
    const said = error instanceof InterruptedError ? messageForCli(error) : GO_ON;
    process.stderr.write(`${told ?? said}\n`);
    process.exitCode = exitCodes.interrupted;
    return undefined;
  } finally {
    stop?.();
    release();
  }
};
