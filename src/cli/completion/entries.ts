// What a shell completes at each place of the command line, read from commander's commands, options and arguments.
import { type Argument, type Command, Help, type Option } from 'commander';

/** What may follow: the paths of files and folders, one of a few words, or something that nobody can guess. */
export type Values = 'paths' | 'anything' | readonly string[];

export interface OptionEntry {
  /** All its names: `--help`, `-h`. */
  readonly names: readonly string[];
  readonly help: string;
  /** What its value may be; undefined for a switch. */
  readonly value: Values | undefined;
  readonly repeatable: boolean;
}

export interface CommandEntry {
  /** The words that lead to it, without the program's name: `['weights', 'import']`. */
  readonly path: readonly string[];
  readonly help: string;
  readonly options: readonly OptionEntry[];
  /** The commands in it; none for one that does something. */
  readonly commands: readonly CommandEntry[];
  /** Name and values of its argument, if it takes one. */
  readonly argument:
    { readonly name: string; readonly values: Values; readonly repeatable: boolean } | undefined;
}

/** The words that may stand for an argument, by the path of its command: `weights download`. */
export type Names = Readonly<Record<string, readonly string[]>>;

const optionEntry = (option: Option, repeatable: boolean): OptionEntry => ({
  names: [option.long, option.short].filter((name) => name != null),
  help: option.description,
  value: !option.required
    ? undefined
    : (option.argChoices ?? (/<(file|dir|path)>/.test(option.flags) ? 'paths' : 'anything')),
  repeatable,
});

const argumentEntry = (argument: Argument | undefined, names: readonly string[] | undefined) =>
  argument && {
    name: argument.name(),
    values: names ?? argument.argChoices ?? ('paths' as const),
    repeatable: argument.variadic,
  };

/** The entry of a command, with those of the commands in it. */
export const entryOf = (command: Command, names: Names, path: readonly string[] = []): CommandEntry => {
  const help = new Help();
  const own = help.visibleCommands(command);
  return {
    path,
    help: command.description(),
    options: help
      .visibleOptions(command)
      .map((option) => optionEntry(option, option.description.includes('repeatable'))),
    commands: own.map((inner) => entryOf(inner, helpNames(own, names, path), [...path, inner.name()])),
    argument: argumentEntry(
      help.visibleArguments(command)[0] ?? command.registeredArguments[0],
      names[path.join(' ')],
    ),
  };
};

/** `help` takes the name of a command beside it. */
const helpNames = (commands: readonly Command[], names: Names, path: readonly string[]): Names => ({
  ...names,
  [[...path, 'help'].join(' ')]: commands.map((command) => command.name()).filter((name) => name !== 'help'),
});

/** An entry and all those in it. */
export const allEntries = (entry: CommandEntry): CommandEntry[] => [
  entry,
  ...entry.commands.flatMap(allEntries),
];

/** Quotes a text for bash, zsh and, with `\` doubled, fish. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
