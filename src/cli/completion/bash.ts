// Completion for bash 3.2 and later: one function, a case a command.
import { type CommandEntry, type OptionEntry, type Values, allEntries } from './entries.js';

const sourced = (entry: CommandEntry): string => entry.path.join(' ');
const namesOf = (options: readonly OptionEntry[]): string[] => options.flatMap(({ names }) => names);

const assignment = (values: Values): string =>
  typeof values === 'string' ? `kind=${values}` : `kind=words words='${values.join(' ')}'`;

/** The options that take the same values share a line. */
const optionCases = (options: readonly OptionEntry[]): string[] => {
  const groups = new Map<string, string[]>();
  for (const { names, value } of options) {
    if (value === undefined) continue;
    const key = assignment(value);
    groups.set(key, [...(groups.get(key) ?? []), ...names]);
  }
  return [...groups].map(([key, names]) => `        ${names.join(' | ')}) ${key} ;;`);
};

const argumentOf = ({ commands, argument }: CommandEntry): string => {
  if (commands.length > 0) return `words='${commands.map(({ path }) => path.at(-1)).join(' ')}'`;
  if (argument === undefined) return '';
  return typeof argument.values === 'string'
    ? `files=${argument.values}`
    : `words='${argument.values.join(' ')}'`;
};

const commandCase = (entry: CommandEntry): string =>
  [
    `    ${entry.path.length === 0 ? "''" : `'${sourced(entry)}'`})`,
    '      case $previous in',
    ...optionCases(entry.options),
    `        *) ${[argumentOf(entry), `options='${namesOf(entry.options).join(' ')}'`].filter(Boolean).join(' ')} ;;`,
    '      esac',
    '      ;;',
  ].join('\n');

/** The script. */
export const bashCompletion = (program: CommandEntry): string => {
  const groups = program.commands.filter(({ commands }) => commands.length > 0).map(({ path }) => path[0]);
  return `# Completion of verydeep for bash: source <(verydeep completion bash)
# shellcheck disable=SC2207 # Bash 3.2 has no mapfile, and the words have no blanks.
_verydeep() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command='' kind=argument files='' words='' options='' word
  COMPREPLY=()
  # --option=value comes as three words.
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  ((COMP_CWORD > 1)) && command=\${COMP_WORDS[1]}
  case $command in
    ${groups.join(' | ')}) ((COMP_CWORD > 2)) && command+=" \${COMP_WORDS[2]}" ;;
  esac
  case $command in
${allEntries(program).map(commandCase).join('\n')}
  esac
  if [[ $kind == paths ]]; then
    return # Bash completes the names of files.
  elif [[ $kind == argument ]]; then
    for word in "\${COMP_WORDS[@]:2:COMP_CWORD-2}"; do # Given already?
      [[ " $words " == *" $word "* ]] && words=''
    done
    if [[ $current == -* ]]; then
      words=$options
    elif [[ -n $files ]]; then
      return
    elif [[ -z $words ]]; then
      words=$options
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  compopt +o default 2>/dev/null # No names of files here; bash 3.2 cannot leave them out.
}
complete -o default -F _verydeep verydeep
`;
};
