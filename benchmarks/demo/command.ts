// Runs `verydeep …` as a user does: a process of its own, its JSON read, its progress shown as it comes.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { VerydeepError } from '../../src/errors.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** A command as it would be typed. */
export const typed = (args: readonly string[]): string =>
  ['verydeep', ...args.map((arg) => (/^[\w./,:=@-]+$/.test(arg) ? arg : `'${arg}'`))].join(' ');

/**
 * Runs a command with `--json` and returns the document it prints.
 *
 * @throws VerydeepError naming the command, when its exit code is not 0
 */
export const verydeep = async (args: readonly string[]): Promise<unknown> => {
  process.stderr.write(`\n$ ${typed(args)}\n`);
  const child = spawn(process.execPath, [program, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject).on('close', (exit, signal) => resolve(exit ?? signal ?? 'an unknown end'));
  });
  if (code !== 0) {
    throw new VerydeepError(
      `The demo stopped: \`${typed(args)}\` ended with ${code}. What went wrong stands above.`,
    );
  }
  return JSON.parse(text);
};
