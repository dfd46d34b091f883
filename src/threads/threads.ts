// A pool of worker threads: a task goes to the least busy one, its answer comes back as a promise.
import { Worker } from 'node:worker_threads';
import { VerydeepError, messageOf } from '../errors.js';
import { type AnswerOf, type Handlers, type Reply, type Request, type TaskOf, errorOf } from './messages.js';

export interface ThreadsOptions {
  /** What an error calls a thread: "A worker thread that reads images". */
  readonly name: string;
  /**
   * How often a task is given to a thread again after one died over it; threads that died are then replaced. With 0 [the
   * default] the first death is the end: tasks that come later are refused.
   */
  readonly retries?: number;
  /** Nobody hears what the threads print. */
  readonly silent?: boolean;
  /** The threads do not keep the process from ending. */
  readonly unref?: boolean;
}

export interface RunOptions<Task> {
  /** Buffers of the task that are handed over instead of copied. */
  readonly buffers?: (task: Task) => readonly ArrayBuffer[];
  /** Ends the thread where no answer comes in this time. */
  readonly seconds?: number | undefined;
}

/** Why a task has no answer that is not the task's own fault. */
export class ThreadError extends VerydeepError {
  override readonly name = 'ThreadError';

  /**
   * @param reason without the name of the thread
   * @param how died over the task, none could be started, silent for too long, or closed by the caller
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
  /** The task, or what makes it. */
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
  /** A thread can be started again where it has run before; one that never did is `absent`. */
  state: 'starting' | 'running' | 'ended' | 'absent';
  worker: Worker;
  exit: Promise<void>;
}

/**
 * Threads of one script, which calls `serve`. Whoever makes a pool closes it.
 *
 * @typeParam H the functions that the threads serve
 * @typeParam Data what a thread is started with
 * @typeParam Ready what a thread says when it is ready
 */
export class Threads<H extends Handlers, Data = undefined, Ready = undefined> {
  readonly #script: URL;
  readonly #options: ThreadsOptions;
  readonly #members: Member[] = [];
  #serial = 0;
  /** Why tasks are refused from now on. */
  #over: ThreadError | undefined;
  /** Why the last thread that could not be started did not. */
  #absence = 'no thread was started';

  constructor(script: URL, options: ThreadsOptions) {
    this.#script = script;
    this.#options = options;
  }

  /** Threads that were started. */
  get size(): number {
    return this.#members.length;
  }

  /**
   * Starts a thread; tasks may be given at once.
   *
   * @returns what the thread says when it is ready; whoever does not wait for it need not catch its failure
   * @throws VerydeepError where it cannot get ready
   */
  start(data: Data): Promise<Ready> {
    const member = { data, calls: new Map() } as unknown as Member;
    this.#members.push(member);
    const ready = this.#launch(member);
    ready.catch(() => undefined);
    return ready as Promise<Ready>;
  }

  /**
   * Gives a task to the thread that has the fewest.
   *
   * @param task the task, or a function that makes it: anew for each thread that it is given to
   * @throws VerydeepError with the message of what the handler threw; ThreadError where no thread answers
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
   * Ends all threads; what is under way is given up.
   *
   * @param patience seconds in which threads may finish what they have and free what they hold
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

  /** The call of this number, which its thread does not have any more. */
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

  /** What becomes of a thread that ended, and of its calls. */
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
