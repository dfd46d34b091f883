// Tables of options: name, kind of value, default, help, the paper's value. Types, checks, flags, recipe files and the
// docs' tables come from them.
import { type Message, expected, option } from './errors.js';

/** A kind of value: its description, its parser and its check. */
export interface Kind<T> {
  /** Placeholder of the value in help: "n", "file". Missing for a switch. */
  readonly value?: string;
  /** The expected value, in words: "a whole number of at least 1". */
  readonly what: string;
  /** The allowed values, if there are few. */
  readonly choices?: readonly string[];
  /** Whether repeating the option adds values. */
  readonly repeatable?: true;
  /** Parses text; undefined if invalid. */
  parse(text: string): T | undefined;
  /** Whether a value is valid. */
  holds(value: unknown): boolean;
}

const numberOf = (text: string): number => (text.trim() === '' ? NaN : Number(text));

const numeric = (value: string, what: string, holds: (value: number) => boolean): Kind<number> => ({
  value,
  what,
  parse: (text) => {
    const number = numberOf(text);
    return holds(number) ? number : undefined;
  },
  holds: (given) => typeof given === 'number' && holds(given),
});

/** Kinds of values. */
export const kinds = {
  /** A whole number of at least `from`. */
  whole: ({ from = 1, value = 'n' }: { from?: number; value?: string } = {}): Kind<number> =>
    numeric(value, `a whole number of at least ${from}`, (x) => Number.isSafeInteger(x) && x >= from),

  /** A finite number: above `above`, or of at least `from`, and where given below `below`. */
  number: ({
    above,
    from,
    below,
    value = 'x',
  }: {
    above?: number;
    from?: number;
    below?: number;
    value?: string;
  }): Kind<number> => {
    const least = above === undefined ? `of at least ${from ?? 0}` : `above ${above}`;
    return numeric(
      value,
      below === undefined ? `a number ${least}` : `a number from ${from ?? above ?? 0} to below ${below}`,
      (x) =>
        Number.isFinite(x) &&
        (above === undefined || x > above) &&
        (from === undefined || x >= from) &&
        (below === undefined || x < below),
    );
  },

  /** One of a few words. */
  choice: <const C extends readonly string[]>(choices: C, value = 'name'): Kind<C[number]> => ({
    value,
    what: `one of ${choices.join(', ')}`,
    choices,
    parse: (text) => choices.find((choice) => choice === text),
    holds: (given) => choices.includes(given as string),
  }),

  /** Any text. */
  text: (value = 'text'): Kind<string> => ({
    value,
    what: 'a text',
    parse: (text) => text,
    holds: (given) => typeof given === 'string',
  }),

  /** The path of a file. */
  file: (): Kind<string> => ({ ...kinds.text('file'), what: 'the path of a file' }),

  /** The path of a folder. */
  folder: (): Kind<string> => ({ ...kinds.text('dir'), what: 'the path of a folder' }),

  /** Yes or no. */
  flag: (): Kind<boolean> => ({
    what: 'true or false',
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
    holds: (given) => typeof given === 'boolean',
  }),

  /** The word "auto", or a value of another kind. */
  auto: <T>(of: Kind<T>): Kind<T | 'auto'> => ({
    ...(of.value !== undefined && { value: of.value }),
    what: `auto or ${of.what}`,
    parse: (text) => (text === 'auto' ? 'auto' : of.parse(text)),
    holds: (given) => given === 'auto' || of.holds(given),
  }),

  /** Several values, separated by commas in text. */
  list: <T>(of: Kind<T>): Kind<readonly T[]> => ({
    value: 'list',
    what: `values separated by commas, each ${of.what}`,
    parse: (text) => {
      const values = text.split(',').map((part) => of.parse(part.trim()));
      return values.every((value) => value !== undefined) ? values : undefined;
    },
    holds: (given) => Array.isArray(given) && given.every((value) => of.holds(value)),
  }),

  /** Values given by repeating the option. */
  repeated: <T>(of: Kind<T>): Kind<readonly T[]> => ({
    ...(of.value !== undefined && { value: of.value }),
    what: of.what,
    repeatable: true,
    parse: (text) => {
      const value = of.parse(text);
      return value === undefined ? undefined : [value];
    },
    holds: (given) => Array.isArray(given) && given.every((value) => of.holds(value)),
  }),
} as const;

/** An entry of a table of options. Its key is the name: camelCase here, `kebab-case` on the command line. */
export interface OptionDefinition<T = unknown> {
  readonly kind: Kind<T>;
  /** What it does, a phrase. */
  readonly help: Message;
  readonly default?: T;
  /** The default in words, if it is not a fixed value: "all cores". */
  readonly otherwise?: Message;
  /** The paper's value, if it has one. */
  readonly paper?: string;
  /** Cannot change a result by more than rounding, only how fast it is there. */
  readonly incidental?: true;
  /** Former names, still accepted on the command line and in recipe files. */
  readonly formerly?: readonly string[];
}

export type OptionTable = Readonly<Record<string, OptionDefinition>>;

type ValueOf<D> = D extends { readonly kind: Kind<infer T> } ? T : never;
type WithDefault<T> = { [K in keyof T]: T[K] extends { readonly default: unknown } ? K : never }[keyof T];

/** The values of a table's options; those with a default are always present. */
export type OptionsOf<T> = {
  readonly [K in WithDefault<T>]: ValueOf<T[K]>;
} & {
  readonly [K in Exclude<keyof T, WithDefault<T>>]?: ValueOf<T[K]>;
};

/** The given values, completed with the table's defaults. */
export const withDefaults = <T extends OptionTable>(table: T, given: Partial<OptionsOf<T>>): OptionsOf<T> => {
  const values: Record<string, unknown> = { ...given };
  for (const [name, definition] of Object.entries(table)) {
    if (values[name] === undefined && definition.default !== undefined) values[name] = definition.default;
  }
  return values as OptionsOf<T>;
};

/** The values of a table's options out of more; those that are undefined are left out. */
export const valuesOf = <T extends OptionTable, V extends Partial<OptionsOf<T>>>(
  table: T,
  values: V,
): Pick<V, keyof OptionsOf<T> & keyof V> =>
  Object.fromEntries(
    Object.entries(values).filter(([name, value]) => name in table && value !== undefined),
  ) as Pick<V, keyof OptionsOf<T> & keyof V>;

/** The values of a table's options that decide a result, without those that are the defaults. */
export const decisive = (
  table: OptionTable,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, { incidental, default: usual }]) => {
      const value = values[name];
      const plain = value === undefined || JSON.stringify(value) === JSON.stringify(usual);
      return incidental || (plain && usual === undefined) ? [] : [[name, plain ? usual : value]];
    }),
  );

/**
 * Checks the values of a table's options; undefined values are skipped.
 *
 * @throws UsageError naming the option
 */
export const checkOptions = (table: OptionTable, values: Readonly<Record<string, unknown>>): void => {
  for (const [name, { kind }] of Object.entries(table)) {
    const value = values[name];
    if (value !== undefined && !kind.holds(value)) throw expected(kind.what, option(name), value);
  }
};

/**
 * Parses the text of an option.
 *
 * @param where what an error names. Default: the option
 * @throws UsageError
 */
export const parseOption = <T>(
  name: string,
  { kind }: OptionDefinition<T>,
  text: string,
  where: Message | ReturnType<typeof option> = option(name),
): T => {
  const value = kind.parse(text);
  if (value === undefined) throw expected(kind.what, where, text);
  return value;
};

/** A name as the command line and recipe files write it: `trainPerClass` is `train-per-class`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Options shared by several commands. */
export const commonOptions = {
  out: { kind: kinds.folder(), help: 'folder for the results' },
  seed: { kind: kinds.whole({ from: 0 }), help: 'seed of all random numbers', default: 1 },
  resume: { kind: kinds.flag(), help: 'continue an earlier run of the same options in the results folder' },
  force: { kind: kinds.flag(), help: 'replace results that were made with other options' },
} as const satisfies OptionTable;
