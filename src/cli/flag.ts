// Option names as flags: `trainPerClass` is `--train-per-class`; a switch that is on by default is
// `--no-flip`.
import { type Message, type OptionValue, VerydeepError, render } from '../errors.js';
import { type OptionTable, kebab } from '../options.js';
import { commandOptions } from './tables.js';

/** Switches that are on by default; their flags turn them off. */
const onByDefault = new Set(
  Object.values<OptionTable>(commandOptions).flatMap((table) =>
    Object.entries(table).flatMap(([name, definition]) => (definition.default === true ? [name] : [])),
  ),
);

/** The flag of an option. */
export const flagOf = (option: string): string => `--${onByDefault.has(option) ? 'no-' : ''}${kebab(option)}`;

/** Names of options that are switches. */
const switches = new Set(
  Object.values<OptionTable>(commandOptions).flatMap((table) =>
    Object.entries(table).flatMap(([name, { kind }]) => (kind.value === undefined ? [name] : [])),
  ),
);

/** The value of a flag; a switch is given or not. */
const valueOf = (piece: OptionValue): string => {
  const { name, value } = piece;
  if (!switches.has(name)) return String(piece);
  return (value ?? onByDefault.has(name)) === onByDefault.has(name) ? 'not given' : 'given';
};

/** A message (or that of an error) with options written as flags. */
export const messageForCli = (message: Message | VerydeepError): string =>
  render(message instanceof VerydeepError ? message.pieces : message, flagOf, valueOf);
