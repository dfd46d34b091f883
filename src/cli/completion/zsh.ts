// Completion for zsh: a function a command, of specifications that _arguments reads.
import { type CommandEntry, type OptionEntry, type Values, allEntries, quoted } from './entries.js';

/** Escapes what means something in a specification. */
const plain = (text: string): string => text.replace(/[\\:[\]]/g, '\\$&');

const action = (values: Values): string => {
  if (values === 'paths') return '_files';
  return values === 'anything' ? ' ' : `(${values.join(' ')})`;
};

const optionSpecs = ({ names, help, value, repeatable }: OptionEntry): string[] =>
  names.map((name) => {
    const before = repeatable ? '*' : names.length > 1 ? `(${names.join(' ')})` : '';
    const after = value === undefined ? '' : `:value:${action(value)}`;
    return quoted(`${before}${name}${value === undefined ? '' : '='}[${plain(help)}]${after}`);
  });

const functionName = (path: readonly string[]): string => ['_verydeep', ...path].join('_');

const specsOf = ({ options, argument, commands }: CommandEntry): string[] => [
  ...options.flatMap(optionSpecs),
  ...(commands.length > 0 ? ["'1: :->command'", "'*:: :->rest'"] : []),
  ...(argument && commands.length === 0
    ? [quoted(`${argument.repeatable ? '*' : ''}:${argument.name}:${action(argument.values)}`)]
    : []),
];

const dispatch = ({ commands }: CommandEntry): string => `  case $state in
    command)
      local -a commands=(
${commands.map(({ path, help }) => `        ${quoted(`${path.at(-1)!}:${plain(help)}`)}`).join('\n')}
      )
      _describe -t commands command commands
      ;;
    rest)
      case $line[1] in
${commands.map(({ path }) => `        ${path.at(-1)!}) ${functionName(path)} ;;`).join('\n')}
      esac
      ;;
  esac
`;

const functionOf = (entry: CommandEntry): string => `${functionName(entry.path)}() {
  local curcontext=$curcontext state
  local -a line
  local -A opt_args
  _arguments -C \\
${specsOf(entry)
  .map((spec) => `    ${spec}`)
  .join(' \\\n')}
${entry.commands.length > 0 ? dispatch(entry) : ''}}
`;

/** The script. */
export const zshCompletion = (program: CommandEntry): string => `#compdef verydeep
# Completion of verydeep for zsh: source <(verydeep completion zsh), or a file _verydeep in a folder of $fpath.
${allEntries(program).map(functionOf).join('\n')}
if [[ $funcstack[1] == _verydeep ]]; then
  _verydeep "$@"
else
  compdef _verydeep verydeep
fi
`;
