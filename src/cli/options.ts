// Flags of commander from a table of options.
import { type Command, Option } from 'commander';
import { type Message, expected, option } from '../errors.js';
import { type OptionDefinition, type OptionTable, type OptionsOf, kebab, parseOption } from '../options.js';
import type { csvOptions } from '../datasets/options.js';
import { flagOf, messageForCli } from './flag.js';

/** The default of an option in words; undefined if it has none. */
export const usualOf = ({ default: usual, otherwise }: OptionDefinition): string | undefined => {
  if (otherwise !== undefined) return messageForCli(otherwise);
  return typeof usual === 'string' || typeof usual === 'number' ? String(usual) : undefined;
};

/** The help text of an option: what it does, its values, its default, and the paper's value if different. */
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
  if (kind.choices) made.argChoices = [...kind.choices]; // For completion; the parser checks.
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

/** A former flag, hidden in the help, which sets the present option. */
const formerFlag = (former: string, name: string, definition: OptionDefinition): Option => {
  const made = flagFrom(former, definition, name).hideHelp();
  made.attributeName = () => name;
  return made;
};

/** The flags of a table, and their former names, hidden. */
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

/** The value of a required flag. @throws UsageError naming it if missing */
export const required = <T>(name: string, value: T | undefined, what: string, advice?: Message): T => {
  if (value === undefined) throw expected(what, option(name), undefined, advice);
  return value;
};

/** The given flags, without undefined ones (exact optional types). */
export const given = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** The flags that describe the table of a `csv` data set. */
export const csvOf = ({
  pathColumn,
  labelColumn,
  splitColumn,
  delimiter,
  labelSeparator,
}: OptionsOf<typeof csvOptions>) =>
  given({ pathColumn, labelColumn, splitColumn, delimiter, labelSeparator });
