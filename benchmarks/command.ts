// Runs `verydeep …` as a user does: in a separate process, with its output shown.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { VerydeepError } from '../src/errors.js';

const program = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

/** A command as it would be typed. */
export const typed = (args: readonly string[]): string =>
  ['verydeep', ...args.map((arg) => (/^[\w./,:=@-]+$/.test(arg) ? arg : `'${arg}'`))].join(' ');

const STANDARD_ERROR = 2;

/**
 * Runs a command for the files it writes; all that it prints goes to standard error.
 *
 * @throws VerydeepError naming the command when its exit code is not 0; that an image was skipped counts too
 */
export const verydeep = async (...args: readonly string[]): Promise<void> => {
  process.stderr.write(`\n$ ${typed(args)}\n`);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', STANDARD_ERROR, 'inherit'] });
  const end = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(code ?? signal ?? 'an unknown end'));
  });
  if (end !== 0)
    throw new VerydeepError(`\`${typed(args)}\` ended with ${end}. What went wrong stands above.`);
};
