// Errors that a user may see, and the one function that words invalid arguments.

/** An option as a message names it: `trainPerClass` in the library; the command line shows it as `--train-per-class`. */
export class OptionName {
  constructor(readonly name: string) {}
  toString(): string {
    return this.name;
  }
}

/** Names an option in a message: `expected('a number', option('trainPerClass'), x)`, or in `text`. */
export const option = (name: string): OptionName => new OptionName(name);

/** The value of an option in a message; the command line shows it as it is typed. */
export class OptionValue {
  constructor(
    readonly name: string,
    readonly value: unknown,
  ) {}
  toString(): string {
    const { value } = this;
    if (value === undefined || value === null) return 'not given';
    if (Array.isArray(value)) return cut(value.join(','));
    return typeof value === 'string' ? value : shown(value);
  }
}

/** The value of an option in `text`: `` text`${option('flip')} was ${optionValue('flip', true)}` ``. */
export const optionValue = (name: string, value: unknown): OptionValue => new OptionValue(name, value);

/** A message in pieces: the caller that prints it decides how options are written. */
export type Message = string | readonly (string | OptionName | OptionValue)[];

/**
 * A message that names options: `` text`Give ${option('out')} another folder.` ``. Other values become
 * strings; nested messages keep their options.
 */
export const text = (strings: TemplateStringsArray, ...values: readonly unknown[]): Message =>
  strings.flatMap((string, i) => {
    if (i === 0) return [string];
    const value = values[i - 1];
    const isPiece = value instanceof OptionName || value instanceof OptionValue;
    const pieces = isPiece ? [value] : Array.isArray(value) ? (value as string[]) : [String(value)];
    return [...pieces, string];
  });

/** The message as one string. Option names and values are formatted as given; by default as in the library. */
export const render = (
  message: Message,
  nameOf: (option: string) => string = (name) => name,
  valueOf: (value: OptionValue) => string = String,
): string => {
  if (typeof message === 'string') return message;
  return message
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      return piece instanceof OptionName ? nameOf(piece.name) : valueOf(piece);
    })
    .join('');
};

/** An error with a message for the user; no stack trace is shown. Exit code 1. */
export class VerydeepError extends Error {
  /** Exit code of the command line when this error ends a command. */
  readonly exitCode: 1 | 2 = 1;
  override readonly name: string = 'VerydeepError';
  /** The message in pieces, for callers that format option names. */
  readonly pieces: Message;
  /** Name of the option at fault (as in the library); undefined if the error is not about an option. */
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

/** Wrong usage: an argument, option or input that the user can correct. Exit code 2. */
export class UsageError extends VerydeepError {
  override readonly exitCode = 2;
  override readonly name = 'UsageError';
}

/** A run was interrupted and stopped cleanly; the message says how to continue. Exit code 130. */
export class InterruptedError extends VerydeepError {
  override readonly name = 'InterruptedError';
}

/** The machine has too little memory. */
export class OutOfMemoryError extends VerydeepError {}

const MAX_SHOWN = 80;

/** A text, cut where it is long. */
const cut = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text);

/** Formats a value for a message: strings quoted, long values cut, arrays and objects as JSON. */
export const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  const json = typeof value === 'function' ? 'a function' : JSON.stringify(value);
  return cut(json);
};

/**
 * Words an invalid argument: "Expected a positive integer for scales but received 0. Give …".
 *
 * @param what what was expected, without "Expected" ("a positive integer")
 * @param where the option (`option('scales')`), argument or file at fault ("photos/a.jpg")
 * @param received the value that was received
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

/** The message of any thrown value, on one line. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ').trim();

/** The `code` of a system error ("ENOENT", "ENOSPC", …), if it has one. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
