// Versions of npm, and a network on which only the npm registry is reached.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { join } from 'node:path';
import { root } from '../support.js';

/** What npm itself is told by the environment of a test that npm runs: where the registry is, and no more. */
const kept = /^npm_config_(registry|cafile|cache|userconfig|globalconfig)$/i;
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => kept.test(name) || !/^(npm_|ONNXRUNTIME_NODE_INSTALL)/i.test(name),
  ),
);

/** What a program printed. */
export interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs programs in a folder, with variables added to the environment. */
export const runner =
  (cwd: string, variables: Readonly<Record<string, string>> = {}) =>
  (command: string, ...args: readonly string[]): Promise<Printed> =>
    new Promise((resolve, reject) => {
      const env = { ...environment, ...variables };
      const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
    });

/** The same, but a program that does not end with 0 is an error; gives what it printed on standard output. */
export const strictRunner = (cwd: string, variables: Readonly<Record<string, string>> = {}) => {
  const run = runner(cwd, variables);
  return async (command: string, ...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(command, ...args);
    if (code === 0) return stdout;
    throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
  };
};

/** The program of a major version of npm, installed once into .cache. */
export const npmProgram = (major: number): string => {
  const prefix = join(root, '.cache', `npm-${major}`);
  const program = join(prefix, 'node_modules/npm/bin/npm-cli.js');
  if (!existsSync(program)) {
    const args = ['install', '--prefix', prefix, '--no-audit', '--no-fund', `npm@${major}`];
    const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8', env: environment });
    if (status !== 0) throw new Error(`npm@${major} cannot be installed:\n${stderr}`);
  }
  return program;
};

/** The variables that lead programs through a proxy: npm's, and those of the install scripts that packages bring. */
const proxyVariables = [
  ...['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'npm_config_https_proxy'],
  ...['npm_config_proxy', 'GLOBAL_AGENT_HTTPS_PROXY', 'GLOBAL_AGENT_HTTP_PROXY'],
];

/**
 * Runs `use` with the variables of a proxy that passes connections to the npm registry and refuses all others, whose
 * hosts it lists.
 */
export const withRegistryOnly = async <T>(
  use: (variables: Readonly<Record<string, string>>, refused: string[]) => Promise<T>,
): Promise<T> => {
  const { stdout } = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', env: environment });
  const registry = new URL(stdout.trim()).hostname;
  const refused: string[] = [];
  const open = new Set<Socket>();
  const proxy: Server = createServer((request, response) => {
    refused.push(new URL(request.url ?? '', 'http://unknown').hostname);
    response.writeHead(403).end();
  });
  proxy.on('connect', (request: { url: string }, client: Socket) => {
    const { hostname, port } = new URL(`http://${request.url}`);
    open.add(client);
    client.on('error', () => client.destroy());
    if (hostname !== registry) {
      refused.push(hostname);
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const server = connect(Number(port || 80), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    open.add(server);
    server.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  try {
    return await use(Object.fromEntries(proxyVariables.map((name) => [name, url])), refused);
  } finally {
    for (const socket of open) socket.destroy();
    proxy.close();
  }
};

/** A folder as a clone of the project gives it: the files that git knows or would add. */
export const copyAsCloned = async (folder: string): Promise<void> => {
  const run = strictRunner(root);
  const listed = await run('git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard');
  const files = listed.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < files.length; i += 500)
    await run('cp', '--parents', '--target-directory', folder, ...files.slice(i, i + 500));
};
