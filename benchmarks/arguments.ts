// What programs beside `verydeep` share on the command line: wrong flags and errors end in one line and an exit code.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError, VerydeepError } from '../src/errors.js';

/** The values of the flags. @throws UsageError for a flag that is unknown or lacks its value */
export const flagsOf = <T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>>['values'] => {
  try {
    return parseArgs(config).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message} Add --help for the options.`);
  }
};

/** Runs a program and turns its errors into a line that begins with its name, and an exit code. */
export const runProgram = async (main: () => Promise<void>, name: string): Promise<void> => {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof VerydeepError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exitCode = error.exitCode;
  }
};
