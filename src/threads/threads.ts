// A pool of worker threads: each task goes to the least busy thread and returns a promise.
import { Worker } from 'node:worker_threads';
import { VerydeepError, messageOf } from '../errors.js';
import { type AnswerOf, type Handlers, type Reply, type Request, type TaskOf, errorOf } from './messages.js';

export interface ThreadsOptions {
  /** Name of a thread in errors: "A worker thread that reads images". */
  readonly name: string;
  /**
   * How often a task is retried after its thread died; dead threads are then replaced. Default: 0, the first
   * death fails the pool and later tasks are rejected.
   */
  readonly retries?: number;
  /** Discard what the threads print. */
  readonly silent?: boolean;
  /** The threads do not keep the process from ending. */
  readonly unref?: boolean;
}

interface RunOptions<Task> {
  /** Buffers of the task that are transferred instead of copied. */
  readonly buffers?: (task: Task) => readonly ArrayBuffer[];
  /** Ends the thread if it does not answer in this time. */
  readonly seconds?: number | undefined;
}

/** A task failed because of its thread, not because of an error in the task. */
export class ThreadError extends VerydeepError {
  override readonly name = 'ThreadError';

  /**
   * @param reason without the name of the thread
   * @param how the thread died, could not be started, timed out, or was closed by the caller
   */
  constructor(
    thread: string,
    readonly reason: string,
    readonly how: 'died' | 'unavailable' | 'silent' | 'closed',
  ) {
    super(`${thread} failed: ${reason}.`);
  }
}

interface Call {
  readonly id: number;
  readonly name: string;
  /** The task, or a function that makes it. */
  readonly task: unknown;
  readonly options: RunOptions<never>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  deaths: number;
  timer?: NodeJS.Timeout;
}

interface Member {
  readonly data: unknown;
  readonly calls: Map<number, Call>;
  /** A thread that ran before can be restarted; one that never started is `absent`. */
  state: 'starting' | 'running' | 'ended' | 'absent';
  worker: Worker;
  exit: Promise<void>;
}

/**
 * Threads that run one script, which calls `serve`. The caller closes the pool.
 *
 * @typeParam H the functions that the threads serve
 * @typeParam Data start data of a thread @typeParam Ready what a thread sends when it is ready
 */
export class Threads<H extends Handlers, Data = undefined, Ready = undefined> {
  readonly #script: URL;
  readonly #options: ThreadsOptions;
  readonly #members: Member[] = [];
  #serial = 0;
  /** Why tasks are rejected from now on. */
  #over: ThreadError | undefined;
  /** Why the last thread failed to start. */
  #absence = 'no thread was started';

  constructor(script: URL, options: ThreadsOptions) {
    this.#script = script;
    this.#options = options;
  }

  /** Number of started threads. */
  get size(): number {
    return this.#members.length;
  }

  /**
   * Starts a thread; tasks may be submitted at once.
   *
   * @returns what the thread sends when it is ready; if not awaited, its rejection need not be caught
   * @throws VerydeepError if it cannot start
   */
  start(data: Data): Promise<Ready> {
    const member = { data, calls: new Map() } as unknown as Member;
    this.#members.push(member);
    const ready = this.#launch(member);
    ready.catch(() => undefined);
    return ready as Promise<Ready>;
  }

  /**
   * Runs a task on the thread with the fewest tasks.
   *
   * @param task the task, or a function that makes it, called for each attempt
   * @throws VerydeepError with the handler's message; ThreadError if no thread answers
   */
  run<Name extends keyof H & string>(
    name: Name,
    task: TaskOf<H, Name> | (() => TaskOf<H, Name>),
    options: RunOptions<TaskOf<H, Name>> = {},
  ): Promise<AnswerOf<H, Name>> {
    return new Promise<unknown>((resolve, reject) => {
      this.#give({ id: this.#serial++, name, task, options, resolve, reject, deaths: 0 });
    }) as Promise<AnswerOf<H, Name>>;
  }

  /**
   * Stops all threads; running tasks are rejected.
   *
   * @param patience seconds that threads have to finish their tasks and free their resources
   */
  async close(patience = 0): Promise<void> {
    this.#over ??= this.#error('it was closed', 'closed');
    await Promise.all(
      this.#members.map(async ({ worker, exit, state }) => {
        if (state === 'ended' || state === 'absent') return;
        if (patience === 0) {
          await worker.terminate();
          return;
        }
        worker.postMessage('close' satisfies Request);
        const timer = setTimeout(() => void worker.terminate(), patience * 1000);
        await exit;
        clearTimeout(timer);
      }),
    );
  }

  #error(reason: string, how: ThreadError['how']): ThreadError {
    return new ThreadError(this.#options.name, reason, how);
  }

  #launch(member: Member): Promise<unknown> {
    const { silent = false, unref = false } = this.#options;
    const worker = new Worker(this.#script, {
      workerData: member.data,
      execArgv: [],
      ...(silent && { stdout: true, stderr: true }),
    });
    if (unref) worker.unref();
    Object.assign(member, { worker, state: 'starting' });
    return new Promise((ready, unready) => {
      let reason: string | undefined;
      worker.once('online', () => {
        member.state = 'running';
        for (const call of member.calls.values()) this.#post(member, call);
      });
      worker.on('message', (reply: Reply) => {
        if ('ready' in reply) ready(reply.ready);
        else if ('unready' in reply) unready(errorOf(reply.unready));
        else {
          const call = this.#take(member, reply.id);
          if ('answer' in reply) call?.resolve(reply.answer);
          else call?.reject(errorOf(reply.failure));
        }
      });
      worker.on('error', (error) => (reason = messageOf(error)));
      member.exit = new Promise((ended) => {
        worker.once('exit', (code) => {
          const error = this.#error(reason ?? `it ended with code ${code}`, 'died');
          unready(error);
          this.#bury(member, error);
          ended();
        });
      });
    });
  }

  #post(member: Member, call: Call): void {
    const { id, name, task, options } = call;
    try {
      const made = (typeof task === 'function' ? (task as () => unknown)() : task) as never;
      member.worker.postMessage({ id, name, task: made } satisfies Request, options.buffers?.(made) ?? []);
    } catch (error) {
      this.#take(member, id)?.reject(error as Error);
      return;
    }
    const { seconds } = options;
    if (seconds === undefined) return;
    call.timer = setTimeout(() => {
      const error = this.#error(`no answer in ${seconds} seconds`, 'silent');
      if (!this.#options.retries) this.#over ??= error;
      this.#take(member, id)?.reject(error);
      void member.worker.terminate();
    }, seconds * 1000);
  }

  /** Removes and returns a call by its id. */
  #take({ calls }: Member, id: number): Call | undefined {
    const call = calls.get(id);
    calls.delete(id);
    clearTimeout(call?.timer);
    return call;
  }

  #give(call: Call): void {
    const able = this.#members.filter(({ state }) => state !== 'absent');
    if (this.#over || able.length === 0) {
      call.reject(this.#over ?? this.#error(this.#absence, 'unavailable'));
      return;
    }
    const member = able.reduce((least, each) => (each.calls.size < least.calls.size ? each : least));
    member.calls.set(call.id, call);
    if (member.state === 'ended') this.#launch(member).catch(() => undefined);
    else if (member.state === 'running') this.#post(member, call);
  }

  /** Handles the end of a thread: retries or rejects its calls. */
  #bury(member: Member, error: ThreadError): void {
    const { retries = 0 } = this.#options;
    const absent = member.state === 'starting';
    member.state = absent ? 'absent' : 'ended';
    if (absent) this.#absence = error.reason;
    if (retries === 0) this.#over ??= error;
    for (const { id } of [...member.calls.values()]) {
      const call = this.#take(member, id)!;
      if (this.#over) call.reject(this.#over);
      else if (absent || call.deaths++ < retries) this.#give(call);
      else call.reject(error);
    }
  }
}
