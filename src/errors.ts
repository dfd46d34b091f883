// The errors a user may see, and the one way to word them.

/** An option as a message names it: `trainPerClass` in the library; the command line shows it as `--train-per-class`. */
export class OptionName {
  constructor(readonly name: string) {}
  toString(): string {
    return this.name;
  }
}

/** Names an option in a message: `expected('a number', option('trainPerClass'), x)`, or in `text`. */
export const option = (name: string): OptionName => new OptionName(name);

/** A message in pieces, so that whoever shows it decides how options are written. */
export type Message = string | readonly (string | OptionName)[];

/**
 * A message that names options: `` text`Give ${option('out')} another folder.` ``. Other values become strings; messages
 * put into it keep their own options.
 */
export const text = (strings: TemplateStringsArray, ...values: readonly unknown[]): Message =>
  strings.flatMap((string, i) => {
    if (i === 0) return [string];
    const value = values[i - 1];
    const pieces =
      value instanceof OptionName ? [value] : Array.isArray(value) ? (value as string[]) : [String(value)];
    return [...pieces, string];
  });

/** The message as one string; `nameOf` says how options are written, by default by their names in the library. */
export const render = (message: Message, nameOf: (option: string) => string = (name) => name): string =>
  typeof message === 'string'
    ? message
    : message.map((piece) => (typeof piece === 'string' ? piece : nameOf(piece.name))).join('');

/** An error whose message is meant for the user as it is: no stack trace is shown. Exit code 1. */
export class VerydeepError extends Error {
  /** Exit code of the command line when this error ends a command. */
  readonly exitCode: 1 | 2 = 1;
  override readonly name: string = 'VerydeepError';
  /** The message in pieces, for whoever writes options in another way. */
  readonly pieces: Message;
  /** The option at fault, by its name in the library; undefined where none is. */
  readonly option: string | undefined;

  constructor(message: Message, options?: ErrorOptions) {
    super(render(message), options);
    this.pieces = message;
    this.option =
      typeof message === 'string'
        ? undefined
        : message.find((piece): piece is OptionName => piece instanceof OptionName)?.name;
  }
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

/** The machine has not the memory that something needs. */
export class OutOfMemoryError extends VerydeepError {}

const MAX_SHOWN = 80;

/** A value as it appears in a message: strings quoted, long ones cut, arrays and objects as JSON. */
export const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  const json = typeof value === 'function' ? 'a function' : JSON.stringify(value);
  return json.length > MAX_SHOWN ? `${json.slice(0, MAX_SHOWN - 1)}…` : json;
};

/**
 * Words an invalid argument: "Expected a positive integer for scales but received 0. Give …".
 *
 * @param what what was expected, without "Expected" ("a positive integer")
 * @param where the option (`option('scales')`), argument or file at fault ("photos/a.jpg")
 * @param received the value that was found there
 * @param advice what to do, a sentence; optional
 */
export const expected = (
  what: Message,
  where: Message | OptionName,
  received: unknown,
  advice?: Message,
): UsageError =>
  new UsageError(
    text`Expected ${what} for ${where} but received ${shown(received)}.${advice === undefined ? '' : text` ${advice}`}`,
  );

/** The message of anything thrown, on one line. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ').trim();

/** The `code` of a system error ("ENOENT", "ENOSPC", …), if it has one. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
