// The table of a command's options in the docs: flag, what it does, default, the paper's value.
import type { OptionDefinition, OptionTable } from '../options.js';
import { flagOf, messageForCli } from './flag.js';
import { usualOf } from './options.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');

const row = (name: string, definition: OptionDefinition): string => {
  const { kind, help, paper } = definition;
  const flag = `\`${flagOf(name)}${kind.value === undefined ? '' : ` <${kind.value}>`}\``;
  const what = [
    messageForCli(help),
    ...(kind.choices ? [kind.choices.map((choice) => `\`${choice}\``).join(', ')] : []),
    ...(kind.repeatable ? ['may be given several times'] : []),
  ].join('; ');
  return `| ${[flag, what, usualOf(definition) ?? '', paper ?? ''].map(cell).join(' | ')} |`;
};

/** A table of options in Markdown. */
export const optionsMarkdown = (table: OptionTable): string =>
  [
    '| option | what it does | default | paper |',
    '| --- | --- | --- | --- |',
    ...Object.entries(table).map(([name, definition]) => row(name, definition)),
  ].join('\n');
