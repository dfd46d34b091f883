// Runs `verydeep …` as a user does: a process of its own, its progress shown as it comes, its JSON read.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { VerydeepError } from '../../src/errors.js';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** A command as it would be typed. */
export const typed = (args: readonly string[]): string =>
  ['verydeep', ...args.map((arg) => (/^[\w./,:=@-]+$/.test(arg) ? arg : `'${arg}'`))].join(' ');

/** Runs a command to its end; what it prints goes to `stdout`, or is returned where that is "pipe". */
const run = async (args: readonly string[], stdout: 'pipe' | number): Promise<string> => {
  process.stderr.write(`\n$ ${typed(args)}\n`);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', stdout, 'inherit'] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const end = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(code ?? signal ?? 'an unknown end'));
  });
  if (end === 0) return text;
  throw new VerydeepError(`\`${typed(args)}\` ended with ${end}. What went wrong stands above.`);
};

const STANDARD_ERROR = 2;

/**
 * Runs a command for what it writes; what it prints goes to standard error.
 *
 * @throws VerydeepError naming the command when its exit code is not 0; that an image was skipped counts too
 */
export const verydeep = async (...args: readonly string[]): Promise<void> => {
  await run(args, STANDARD_ERROR);
};

/** Runs a command with `--json` and returns the document. @throws VerydeepError as {@link verydeep} */
export const verydeepJson = async (...args: readonly string[]): Promise<unknown> =>
  JSON.parse(await run([...args, '--json'], 'pipe'));
