// The errors a user may see, and the one way to word them.

/** An error whose message is meant for the user as it is: no stack trace is shown. Exit code 1. */
export class VerydeepError extends Error {
  /** Exit code of the command line when this error ends a command. */
  readonly exitCode: 1 | 2 = 1;
  override readonly name: string = 'VerydeepError';
}

/** Wrong usage: an argument, option or input that the user can put right. Exit code 2. */
export class UsageError extends VerydeepError {
  override readonly exitCode = 2;
  override readonly name = 'UsageError';
}

/** A run was asked to stop and did so cleanly; the message says how to go on. Exit code 130. */
export class InterruptedError extends VerydeepError {
  override readonly name = 'InterruptedError';
}

const MAX_SHOWN = 80;

/** A value as it appears in a message: strings quoted, long ones cut, arrays and objects as JSON. */
export const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  const text = typeof value === 'function' ? 'a function' : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
};

/**
 * Words an invalid argument: "Expected a positive integer for --scales but received 0. Give …".
 *
 * @param what what was expected, without "Expected" ("a positive integer")
 * @param where the argument, option or file at fault ("--scales", "photos/a.jpg")
 * @param received the value that was found there
 * @param advice what to do, a sentence; optional
 */
export const expected = (what: string, where: string, received: unknown, advice?: string): UsageError =>
  new UsageError(
    `Expected ${what} for ${where} but received ${shown(received)}.${advice ? ` ${advice}` : ''}`,
  );

/** The message of anything thrown, on one line. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ').trim();

/** The `code` of a system error ("ENOENT", "ENOSPC", …), if it has one. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
