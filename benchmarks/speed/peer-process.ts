// A peer in its own process that answers line by line, so that rounds of several peers can alternate.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How a peer is started. */
export interface PeerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/**
 * A running peer. It reads lines from its standard input and answers each with a line of JSON; other lines
 * that it prints are ignored. The caller closes it.
 */
export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  #failure: Error | undefined;

  constructor({ program, args, env, cwd }: PeerCommand) {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#child = child;
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => {
      let answer: unknown;
      try {
        answer = JSON.parse(line);
      } catch {
        return;
      }
      this.#waiting.shift()?.resolve(answer);
    });
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        this.#failure ??= new Error(reason);
        for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
        resolve();
      };
      child.on('error', ({ message }) => end(message));
      child.on('close', (code) =>
        end(`${program} ended with ${code}: ${stderr.trim().split('\n').slice(-3).join(' ')}`),
      );
    });
  }

  /**
   * Sends a line and waits for its answer.
   *
   * @throws Error with the peer's last output if it has ended
   */
  ask<T>(line: string): Promise<T> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as Waiting['resolve'], reject });
      this.#child.stdin.write(`${line}\n`);
    });
  }

  /** Stops the peer and waits for its exit. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(patience);
  }
}
