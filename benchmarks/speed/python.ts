// Python peers: a virtual environment, created on first use, and programs that answer in JSON.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../src/errors.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const run = (program: string, args: readonly string[], env: NodeJS.ProcessEnv, input = ''): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(stdout);
      else
        reject(new Error(`${program} ended with ${code}: ${stderr.trim().split('\n').slice(-3).join(' ')}`));
    });
    child.stdin.end(input);
  });

/**
 * Keeps glibc's malloc from returning memory: new pages are expensive, and peers are measured at their best.
 */
export const keepMemory: NodeJS.ProcessEnv = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '17179869184',
  MALLOC_TOP_PAD_: '1073741824',
};

/**
 * The interpreter of an environment with the given packages: `VERYDEEP_PYTHON` if set, else one in `.cache`, which pip
 * creates on first use.
 *
 * @param packages requirements as pip takes them ("torch==2.13.0")
 */
export const pythonWith = async (packages: readonly string[]): Promise<string> => {
  const given = process.env['VERYDEEP_PYTHON'];
  if (given) return given;
  const name = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12);
  const folder = join(root, '.cache', `bench-python-${name}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, 'complete'))) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder], {});
  await run(python, ['-m', 'pip', 'install', '--quiet', ...packages], {});
  await writeFile(join(folder, 'complete'), '');
  return python;
};

/**
 * Runs a Python program that reads JSON from its standard input and prints JSON as its last line.
 *
 * @returns its answer, or the reason if the peer is not available
 */
export const askPython = async <T>(
  packages: readonly string[],
  program: string,
  question: unknown,
  env: NodeJS.ProcessEnv = keepMemory,
): Promise<T | string> => {
  try {
    const python = await pythonWith(packages);
    const output = await run(python, ['-c', program], env, JSON.stringify(question));
    return JSON.parse(output.trim().split('\n').at(-1)!) as T;
  } catch (error) {
    return `no Python peer: ${messageOf(error)}`;
  }
};
