// `verydeep completion`: scripts that complete commands, options and their values in a shell.
import { Command } from 'commander';
import { expected } from '../errors.js';
import { bashCompletion } from './completion/bash.js';
import { type Names, entryOf } from './completion/entries.js';
import { fishCompletion } from './completion/fish.js';
import { zshCompletion } from './completion/zsh.js';
import { say } from './output.js';

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
const shellNames = Object.keys(shells);

/** The names that commands take as arguments: data sets, benchmarks, weights. */
const argumentNames = async (): Promise<Names> => {
  const { datasetNames } = await import('../datasets/open.js');
  const { publishedArchives } = await import('../datasets/archives/published.js');
  const { publishedWeights } = await import('../backbone/weights/published.js');
  const { benchmarks } = await import('../../benchmarks/list.js');
  return {
    train: datasetNames,
    extract: datasetNames,
    evaluate: ['ilsvrc2012', 'ilsvrc2012-localisation', ...benchmarks.map(({ name }) => name)],
    'datasets download': Object.keys(publishedArchives),
    'datasets check': datasetNames,
    'datasets stats': datasetNames,
    'weights download': publishedWeights.map(({ name }) => name),
    completion: shellNames,
  };
};

/** The command. */
export const command = (): Command =>
  new Command('completion')
    .description('print a script that completes commands, options and their values in a shell')
    .argument('<shell>', shellNames.join(', '))
    .addHelpText(
      'after',
      `
Examples, for the file that your shell reads when it starts:
  source <(verydeep completion bash)      # ~/.bashrc
  source <(verydeep completion zsh)       # ~/.zshrc, after compinit
  verydeep completion fish | source       # ~/.config/fish/config.fish
Where verydeep is installed in a project and not globally, put one of these before it:
  verydeep() { npx verydeep "$@"; }       # bash, zsh
  alias verydeep 'npx verydeep'           # fish`,
    )
    .action(async (shell: string, _: object, self: Command) => {
      const script = shells[shell as keyof typeof shells] as (typeof shells)['bash'] | undefined;
      if (!Object.hasOwn(shells, shell) || script === undefined)
        throw expected(`one of ${shellNames.join(', ')}`, 'the shell', shell);
      say({}, script(entryOf(self.parent!, await argumentNames())).trimEnd());
    });
