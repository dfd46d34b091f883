// Starts programs as ranks: by Open MPI's and MPICH's launchers, on this host or on network namespaces that are hosts of their own.
import { spawn, spawnSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { root } from '../../support.js';

export const mpis = ['openmpi', 'mpich'] as const;
export type Mpi = (typeof mpis)[number];

/** Skips a test where a launcher is not installed: `.ci/run` installs both. */
export const needs = (context: Context, mpi: Mpi): void => {
  const found = spawnSync(`mpirun.${mpi}`, ['--version']).status === 0;
  if (!found && process.env['CI'] === undefined) context.skip();
};

export const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));
export const commandLine = join(root, 'dist/src/cli/main.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** What the ranks said, without what the launcher says. */
  readonly lines: string[];
  readonly seconds: number;
}

/** A host made of a network namespace. */
export interface Hosts {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** The program that the launcher takes for ssh. */
  readonly agent: string;
}

const ofOpenMpi = (ranks: number, hosts?: Hosts): string[] => [
  ...['mpirun.openmpi', '--oversubscribe', '--bind-to', 'none', '-n', String(ranks)],
  ...(hosts
    ? [
        ...[
          '--host',
          hosts.addresses.join(','),
          '--mca',
          'plm',
          'rsh',
          '--mca',
          'plm_rsh_agent',
          hosts.agent,
        ],
        ...['--mca', 'oob_tcp_if_include', '10.78.0.0/24', '--mca', 'btl_tcp_if_include', '10.78.0.0/24'],
        ...['--mca', 'pml', 'ob1', '--mca', 'btl', 'tcp,self'],
      ]
    : []),
];

const ofMpich = (ranks: number, hosts?: Hosts): string[] => [
  ...['mpirun.mpich', '-n', String(ranks)],
  ...(hosts
    ? [
        ...['-launcher', 'rsh', '-launcher-exec', hosts.agent, '-iface', 'eth0'],
        ...['-hosts', hosts.addresses.join(',')],
        // By the link, though the hosts are on one machine and share its memory.
        ...['-genv', 'UCX_TLS', 'tcp,self', '-genv', 'UCX_NET_DEVICES', 'eth0'],
      ]
    : []),
];

interface LaunchOptions {
  readonly hosts?: Hosts;
  readonly env?: NodeJS.ProcessEnv;
  /** Seconds after which all is killed. */
  readonly limit?: number;
  /** Called with each piece of text, and what sends a signal to the launcher. */
  readonly onText?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs a program of Node as ranks, and waits for the launcher. */
export const launch = (
  mpi: Mpi,
  ranks: number,
  args: readonly string[],
  { hosts, env = {}, limit = 120, onText }: LaunchOptions = {},
): Promise<Ended> => {
  const start = (mpi === 'openmpi' ? ofOpenMpi : ofMpich)(ranks, hosts);
  // On the first host, by its name.
  const inHost = hosts ? [hosts.agent, hosts.addresses[0]!] : [];
  const [file, ...rest] = [...inHost, ...start, process.execPath, ...args] as [string, ...string[]];
  const began = performance.now();
  const child = spawn(file, rest, {
    env: {
      ...process.env,
      ...{ OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), limit * 1000);
  let [stdout, stderr] = ['', ''];
  const heard = (text: string): void => onText?.(text, (signal) => child.kill(signal));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    heard(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    heard(text);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      clearTimeout(timer);
      const lines = stderr.split('\n').filter((line) => line.startsWith('verydeep: '));
      resolve({ code, signal, stdout, lines, seconds: (performance.now() - began) / 1000 });
    });
  });
};

const ip = (...args: readonly string[]): boolean => spawnSync('ip', args).status === 0;

/** The hosts' numbers. */
const numbers = [1, 2] as const;

const AGENT = `#!/bin/sh
# As ssh: HOST COMMAND..., where HOST is an address whose last number names a namespace.
while case "$1" in -*) true ;; *) false ;; esac; do shift; done
n=\${1##*.}
shift
exec ip netns exec vdr$n unshare -u sh -c "hostname vdr$n; exec sh -c '$*'"
`;

const processesOn = (host: number): number[] =>
  spawnSync('ip', ['netns', 'pids', `vdr${host}`], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line !== '')
    .map(Number);

const isRank = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(process.execPath);
  } catch {
    return false; // It has ended.
  }
};

/** How many ranks run on a host. */
export const ranksOn = (host: number): number => processesOn(host).filter(isRank).length;

/** Ends all that runs on the hosts: a launcher may wait for ever for a host that it cannot reach. */
export const endHosts = (): void => {
  for (const pid of numbers.flatMap(processesOn)) spawnSync('kill', ['-9', String(pid)]);
};

const removeHosts = (): void => {
  endHosts();
  for (const n of numbers) {
    ip('link', 'del', `vdrv${n}`); // A namespace goes when its last process has gone, its link at once.
    ip('netns', 'del', `vdr${n}`);
  }
  ip('link', 'del', 'vdrbr');
};

/** Runs `use` on two hosts, which are network namespaces joined by a bridge; skips the test where they are not permitted. */
export const onHosts = async (
  context: Context,
  folder: string,
  use: (hosts: Hosts, setLink: (host: number, state: 'up' | 'down') => void) => Promise<void>,
): Promise<void> => {
  if (ip('-V')) removeHosts(); // Those of a test that was killed.
  try {
    const steps = [
      ['link', 'add', 'vdrbr', 'type', 'bridge'],
      ['addr', 'add', '10.78.0.254/24', 'dev', 'vdrbr'],
      ['link', 'set', 'vdrbr', 'up'],
      ...numbers.flatMap((n) => [
        ['netns', 'add', `vdr${n}`],
        ['link', 'add', `vdrv${n}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `vdr${n}`],
        ['link', 'set', `vdrv${n}`, 'master', 'vdrbr', 'up'],
        ['-n', `vdr${n}`, 'addr', 'add', `10.78.0.${n}/24`, 'dev', 'eth0'],
        ['-n', `vdr${n}`, 'link', 'set', 'eth0', 'up'],
        ['-n', `vdr${n}`, 'link', 'set', 'lo', 'up'],
      ]),
    ];
    if (!steps.every((step) => ip(...step))) {
      context.test!.title += ' (network namespaces are not permitted here)';
      context.skip();
    }
    const agent = join(folder, 'agent');
    await writeFile(agent, AGENT);
    await chmod(agent, 0o755);
    await use(
      { names: numbers.map((n) => `vdr${n}`), addresses: numbers.map((n) => `10.78.0.${n}`), agent },
      (host, state) => void ip('link', 'set', `vdrv${host}`, state),
    );
  } finally {
    if (ip('-V')) removeHosts();
  }
};

/** Bytes that went over the link of a host so far. */
export const bytesOn = (host: number): number => {
  const shown = spawnSync('ip', ['-s', '-j', 'link', 'show', `vdrv${host}`], { encoding: 'utf8' }).stdout;
  const [link] = JSON.parse(shown) as { stats64: { rx: { bytes: number }; tx: { bytes: number } } }[];
  return link!.stats64.rx.bytes + link!.stats64.tx.bytes;
};

/** What lies in the memory that processes share. */
export const sharedFiles = (): string[] => readdirSync('/dev/shm').sort();
