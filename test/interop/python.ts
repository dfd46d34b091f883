// Python for the tests that compare with other people's libraries: a virtual environment of the project's own.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../support.js';

interface RunOptions {
  /** Text for the program's standard input. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end and gives its standard output; fails with its standard error. */
export const run = (
  program: string,
  args: readonly string[],
  { input = '', env = {} }: RunOptions = {},
): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${program} ${args.slice(0, 2).join(' ')} ended with ${code}:\n${stderr}`));
    });
    child.stdin.on('error', () => undefined); // A program that ends early need not have read its input.
    child.stdin.end(input);
  });

const requirements = join(root, 'test', 'interop', 'requirements.txt');

const makeEnvironment = async (): Promise<string> => {
  const given = process.env['VERYDEEP_PYTHON'];
  if (given) return given;
  const name = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const folder = join(root, '.cache', `python-${name}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, 'complete'))) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--retries', '0', '-r', requirements]);
  await mkdir(join(folder, 'making'));
  await rename(join(folder, 'making'), join(folder, 'complete'));
  return python;
};

let environment: Promise<string> | undefined;

/** The interpreter of the tests' virtual environment ($VERYDEEP_PYTHON where set); made once from requirements.txt. */
export const pythonPath = (): Promise<string> => (environment ??= makeEnvironment());

/** Runs a Python program given as text, with arguments, and gives what it prints. */
export const python = async (
  program: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<string> => run(await pythonPath(), ['-c', program, ...args], options);

/** The folder of the environment's PyTorch, for the engine `torch`. */
export const torchFolder = async (): Promise<string> => {
  const program = 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])';
  return (await run(await pythonPath(), ['-c', program])).trim();
};
