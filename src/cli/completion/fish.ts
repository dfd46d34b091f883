// Completion for fish: a line an option or command, under the condition that the line is of its command.
import { type CommandEntry, type OptionEntry, type Values, allEntries, quoted } from './entries.js';

const text = (value: string): string => quoted(value.replaceAll('\\', '\\\\')).replaceAll(`'\\''`, `\\'`);

/** What follows an option: names of files, a few words, anything but names of files. */
const valueOf = (values: Values): string => {
  if (values === 'paths') return ' -r -F';
  return values === 'anything' ? ' -x' : ` -x -a ${text(values.join(' '))}`;
};

const optionLine = (where: string, { names, help, value }: OptionEntry): string => {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return `${where} ${flags.join(' ')}${value === undefined ? '' : valueOf(value)} -d ${text(help)}`;
};

const linesOf = ({ path, options, commands, argument }: CommandEntry): string[] => {
  const here = path.length === 0 ? 'true' : `__verydeep_at ${path.join(' ')}`;
  const names = commands.map((command) => command.path.at(-1)!);
  const where = (condition: string) => `complete -c verydeep -n ${text(condition)}`;
  const before = (words: readonly string[]) =>
    where(`${here}; and not __fish_seen_subcommand_from ${words.join(' ')}`);
  return [
    ...commands.map(({ help }, i) => `${before(names)} -a ${names[i]!} -d ${text(help)}`),
    ...options.map((option) => optionLine(commands.length > 0 ? before(names) : where(here), option)),
    ...(argument === undefined || commands.length > 0
      ? []
      : typeof argument.values === 'string'
        ? [`${where(here)} -F`]
        : [`${before(argument.values)} -a ${text(argument.values.join(' '))}`]),
  ];
};

/** The script. */
export const fishCompletion = (
  program: CommandEntry,
): string => `# Completion of verydeep for fish: verydeep completion fish | source
function __verydeep_at --description 'Whether the command line begins with these words'
    set -l words (commandline -opc)
    string match -q -- "$words[1] $argv *" "$words "
end
complete -c verydeep -f
${allEntries(program).flatMap(linesOf).join('\n')}
`;
