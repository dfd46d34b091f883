// A communicator whose calls are made in a thread of its own, so that they go on while this thread computes.
import { hostname } from 'node:os';
import { MessageChannel, Worker } from 'node:worker_threads';
import { UsageError, VerydeepError } from '../../errors.js';
import type { Communicator } from './communicator.js';
import type { Answer, Call, Calls, HowToSum, ThreadStart, Way } from './thread.js';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What tells the other ranks of an error, and what ends with the connection. */
export interface Guard {
  fail(message: string, code: number): Promise<void>;
  close(): Promise<void>;
}

const isShared = (data: Float32Array): boolean => data.buffer instanceof SharedArrayBuffer;

export class ThreadedCommunicator implements Communicator {
  readonly host = hostname();
  readonly #post: (call: Call) => void;
  readonly #pending = new Map<number, Pending>();
  #serial = 0;
  #busy = 0;
  #guard: Guard | undefined;
  #local = { rank: 0, size: 1 };

  private constructor(
    readonly rank: number,
    readonly size: number,
    readonly isExact: boolean,
    post: (call: Call) => void,
  ) {
    this.#post = post;
  }

  /** Connects this rank. @throws UsageError or VerydeepError if it cannot */
  static async open(way: Way, how: HowToSum = {}): Promise<ThreadedCommunicator> {
    const { port1, port2 } = new MessageChannel();
    const calls = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData: { way, port: port2, calls, how } satisfies ThreadStart,
      transferList: [port2],
      execArgv: [],
    });
    const post = (call: Call): void => {
      port1.ref();
      port1.postMessage(call);
      Atomics.add(calls, 0, 1);
      Atomics.notify(calls, 0);
    };
    return new Promise((resolve, reject) => {
      let made: ThreadedCommunicator | undefined;
      const lost = (reason: string): void => {
        const error = new VerydeepError(`The thread that talks to the other ranks ended: ${reason}.`);
        reject(error);
        if (made) made.#lose(error);
      };
      worker.once('error', ({ message }) => lost(message));
      worker.once('exit', (code) => lost(`code ${code}`));
      port1.on('message', (answer: Answer) => {
        if ('ready' in answer) {
          const { rank, size, isExact } = answer.ready;
          made = new ThreadedCommunicator(rank, size, isExact, post);
          made.#placed().then(() => resolve(made!), reject);
          return;
        }
        if (answer.id === 'ready') {
          const { error, isUsage } = answer as { error: string; isUsage: boolean };
          reject(isUsage ? new UsageError(error) : new VerydeepError(error));
          return;
        }
        made!.#settle(answer);
        if (made!.#pending.size === 0) port1.unref();
      });
      worker.unref();
    });
  }

  /** Finds the ranks of the same host. */
  async #placed(): Promise<void> {
    const hosts = await this.gather(this.host);
    const here = hosts.flatMap((host, rank) => (host === this.host ? [rank] : []));
    this.#local = { rank: here.indexOf(this.rank), size: here.length };
  }

  guardedBy(guard: Guard): void {
    this.#guard = guard;
  }

  get local(): Communicator['local'] {
    return this.#local;
  }

  get busySeconds(): number {
    return this.#busy;
  }

  #lose(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #settle(answer: Exclude<Answer, { ready: unknown }>): void {
    const { resolve, reject } = this.#pending.get(answer.id as number)!;
    this.#pending.delete(answer.id as number);
    if ('error' in answer) {
      reject(new VerydeepError(answer.error));
      return;
    }
    this.#busy += answer.seconds;
    resolve(answer.value);
  }

  #call<K extends keyof Calls>(name: K, task: Calls[K]): Promise<unknown> {
    const id = this.#serial++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#post({ id, name, ...task } as unknown as Call);
    });
  }

  async sum(parts: readonly Float32Array[], leaves: number): Promise<void> {
    await this.#call('sum', { parts, leaves });
  }

  async broadcast(data: Float32Array): Promise<void> {
    const shared = isShared(data) ? data : new Float32Array(new SharedArrayBuffer(data.byteLength));
    if (shared !== data && this.rank === 0) shared.set(data);
    await this.#call('broadcast', { data: shared });
    if (shared !== data && this.rank > 0) data.set(shared);
  }

  async gather<T>(value: T): Promise<T[]> {
    return (await this.#call('gather', { value })) as T[];
  }

  async barrier(): Promise<void> {
    await this.gather(null);
  }

  async fail(message: string, code: number): Promise<void> {
    await this.#guard?.fail(message, code);
  }

  async close(): Promise<void> {
    await this.#call('close', {});
    await this.#guard?.close();
  }
}
