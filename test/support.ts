// What tests share: the project's root, temporary folders that clean up after themselves, running the command line.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root (tests run compiled, from dist/test). */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** A file under test/fixtures. */
export const fixture = (...path: string[]): string => join(root, 'test', 'fixtures', ...path);

/** Runs `use` with a fresh temporary folder and removes it afterwards. */
export const withFolder = async <T>(use: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'verydeep-test-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const setVariable = (name: string, value: string | undefined): void => {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
};

/** Runs `use` with variables of the environment set (undefined: removed), and puts them back. */
export const withVariables = async <T>(
  variables: Readonly<Record<string, string | undefined>>,
  use: () => Promise<T>,
): Promise<T> => {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  for (const [name, value] of Object.entries(variables)) setVariable(name, value);
  try {
    return await use();
  } finally {
    for (const [name, value] of before) setVariable(name, value);
  }
};

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Text that `stream` would print, taken instead of printed until `restore`. */
const captured = (stream: NodeJS.WriteStream): { text: () => string; restore: () => void } => {
  const write = stream.write.bind(stream);
  const pieces: string[] = [];
  stream.write = (piece: string | Uint8Array, ...rest: unknown[]) => {
    pieces.push(typeof piece === 'string' ? piece : Buffer.from(piece).toString());
    const done = rest.at(-1);
    if (typeof done === 'function') (done as () => void)();
    return true;
  };
  return { text: () => pieces.join(''), restore: () => (stream.write = write) };
};

/** The exit code set so far; TypeScript believes that an assignment before an import still stands. */
const codeOfProcess = (): number => Number(process.exitCode);

let started = 0;

/** Runs `verydeep …` within this process, which takes milliseconds; for commands that end in words, not in work. */
export const verydeepHere = async (...args: readonly string[]): Promise<CommandResult> => {
  const { argv, exitCode } = process;
  const [out, err] = [captured(process.stdout), captured(process.stderr)];
  const errorListeners = process.stdout.listeners('error');
  try {
    process.argv = [process.execPath, 'verydeep', ...args];
    process.exitCode = 0;
    await import(`../src/cli/main.js?${started++}`);
    return { code: codeOfProcess(), stdout: out.text(), stderr: err.text() };
  } finally {
    for (const listener of process.stdout.listeners('error')) {
      if (!errorListeners.includes(listener)) process.stdout.off('error', listener as () => void);
    }
    out.restore();
    err.restore();
    process.argv = argv;
    process.exitCode = exitCode;
  }
};

/** Runs `verydeep …` as a user does, in a process of its own. */
export const verydeep = (
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'dist/src/cli/main.js'), ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
  });
