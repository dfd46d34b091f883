// Flags of commander from a table of options.
import { type Command, Option } from 'commander';
import { expected, option } from '../errors.js';
import { type OptionDefinition, type OptionTable, type OptionsOf, kebab, parseOption } from '../options.js';
import type { csvOptions } from '../datasets/options.js';
import { flagOf, messageForCli } from './flag.js';

/** What holds where an option is not given, in words; undefined where nothing does. */
export const usualOf = ({ default: usual, otherwise }: OptionDefinition): string | undefined => {
  if (otherwise !== undefined) return messageForCli(otherwise);
  return typeof usual === 'string' || typeof usual === 'number' ? String(usual) : undefined;
};

/** What help says of an option: what it does, its values, what holds without it, the paper's value where that differs. */
const helpOf = (definition: OptionDefinition): string => {
  const { kind, help, paper } = definition;
  const usual = usualOf(definition);
  const remarks = [
    ...(kind.choices ? [`one of ${kind.choices.join(', ')}`] : []),
    ...(kind.repeatable ? ['repeatable'] : []),
    ...(usual === undefined ? [] : [`default: ${usual}`]),
    ...(paper === undefined || paper === usual || kind.value === undefined ? [] : [`paper: ${paper}`]),
  ];
  return messageForCli(help) + (remarks.length > 0 ? ` (${remarks.join('; ')})` : '');
};

const flagFrom = (name: string, definition: OptionDefinition, attribute = name): Option => {
  const { kind } = definition;
  const flag = attribute === name ? flagOf(name) : `--${kebab(name)}`;
  const made = new Option(kind.value === undefined ? flag : `${flag} <${kind.value}>`, helpOf(definition));
  if (kind.value !== undefined) {
    made.argParser((text: string, previous: unknown) => {
      const value = parseOption(attribute, definition, text);
      return kind.repeatable && Array.isArray(previous)
        ? [...(previous as unknown[]), ...(value as unknown[])]
        : value;
    });
  }
  if (definition.default !== undefined && definition.default !== true && attribute === name) {
    made.default(definition.default);
  }
  return made;
};

/** A flag of before, which sets the option of today and is not in the help. */
const formerFlag = (former: string, name: string, definition: OptionDefinition): Option => {
  const made = flagFrom(former, definition, name).hideHelp();
  made.attributeName = () => name;
  return made;
};

/** The flags of a table; flags that were renamed come with it, hidden. */
export const flagsOf = (table: OptionTable): Option[] =>
  Object.entries(table).flatMap(([name, definition]) => [
    flagFrom(name, definition),
    ...(definition.formerly ?? []).map((former) => formerFlag(former, name, definition)),
  ]);

/** Adds the flags of a table to a command. */
export const addFlags = (command: Command, table: OptionTable): Command => {
  for (const flag of flagsOf(table)) command.addOption(flag);
  return command.configureHelp({ optionDescription: ({ description }) => description });
};

/** A flag that must be given. @throws UsageError naming it */
export const required = <T>(name: string, value: T | undefined, what: string, advice?: string): T => {
  if (value === undefined) throw expected(what, option(name), undefined, advice);
  return value;
};

/** The flags that are there: with exact optional types, `undefined` is not the same as missing. */
export const given = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** What of the flags describes the table of a `csv` data set. */
export const csvOf = ({
  pathColumn,
  labelColumn,
  splitColumn,
  delimiter,
  labelSeparator,
}: OptionsOf<typeof csvOptions>) =>
  given({ pathColumn, labelColumn, splitColumn, delimiter, labelSeparator });
