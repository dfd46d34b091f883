// Keys typed into an interactive shell on a pseudo-terminal, which util-linux' `script` makes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** How to start each shell without the user's own settings. */
const shells = {
  bash: 'bash --norc --noprofile -i',
  zsh: 'zsh -f -i',
  fish: 'fish --no-config -i',
} as const;
export type Shell = keyof typeof shells;

/** Whether a shell is installed. */
export const hasShell = (shell: Shell): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

const START_OF_LINE = '\u0001';
const words = /(?:<[^<>%\r\n]+>)+/g;

/**
 * Types each line into a shell in which `setup` has run, tabs included, and gives the words of each line as the shell
 * would run them.
 */
export const typeInto = async (
  shell: Shell,
  setup: string,
  lines: readonly string[],
  cwd: string,
): Promise<string[][]> => {
  const child = spawn('script', ['-qfec', `stty cols 200 rows 50; exec ${shells[shell]}`, '/dev/null'], {
    cwd,
    env: { ...process.env, TERM: 'xterm', HOME: cwd, INPUTRC: '/dev/null' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const found = (): string[] => output.match(words) ?? [];
  const wait = async (count: number): Promise<void> => {
    const end = Date.now() + 60_000;
    while (found().length < count) {
      if (Date.now() > end) throw new Error(`${shell} does not answer:\n${output}`);
      await delay(20);
    }
  };
  try {
    child.stdin.write(`${setup}\n printf '<%s>' ready; echo\n`);
    await wait(1);
    for (const [i, line] of lines.entries()) {
      await delay(200); // The prompt: before it, the terminal is not yet the line editor's.
      child.stdin.write(`${line}${START_OF_LINE}printf '<%s>' \r`);
      await wait(i + 2);
    }
    return found()
      .slice(1)
      .map((text) => text.slice(1, -1).split('><'));
  } finally {
    child.kill('SIGKILL');
    child.stdin.destroy();
    await closed;
  }
};
