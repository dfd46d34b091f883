// The side of a worker thread: gets ready, answers tasks, and frees what it holds when it is closed.
import { parentPort, workerData } from 'node:worker_threads';
import { type Handlers, Moved, type Reply, type Request, failureOf } from './messages.js';

/** What a thread does once it is ready. */
export interface Service<H extends Handlers> {
  readonly handlers: H;
  /** What the caller's `start` gives. */
  readonly ready?: unknown;
  /** One task at a time, in the order in which they came; else they overlap wherever one waits. */
  readonly inTurn?: boolean;
  /** An error in a task ends the thread, whose memory it may have spoiled. */
  readonly fatal?: boolean;
  /** Frees what the thread holds. */
  readonly close?: () => void;
}

/**
 * Makes this worker thread serve tasks.
 *
 * @param open gets the thread ready from the data it was started with; an error it throws is the caller's
 */
export const serve = <H extends Handlers>(open: (data: never) => Service<H> | Promise<Service<H>>): void => {
  const port = parentPort!;
  const reply = (message: Reply, buffers: readonly ArrayBuffer[] = []): void =>
    port.postMessage(message, buffers);
  const opened = Promise.resolve(workerData as never).then(open);
  opened.then(
    ({ ready }) => reply({ ready }),
    (error: unknown) => {
      reply({ unready: failureOf(error) });
      port.close();
    },
  );

  const answer = async (
    service: Service<H>,
    { id, name, task }: Exclude<Request, 'close'>,
  ): Promise<void> => {
    try {
      const found: unknown = await service.handlers[name]!(task as never);
      if (found instanceof Moved) reply({ id, answer: found.answer as unknown }, found.buffers);
      else reply({ id, answer: found });
    } catch (error) {
      if (service.fatal) throw error; // Unhandled, it ends the thread, of which the caller hears.
      reply({ id, failure: failureOf(error) });
    }
  };

  let last: Promise<void> = Promise.resolve();
  port.on('message', (request: Request) => {
    const heard = (service: Service<H>): void => {
      if (request === 'close') {
        last = last.then(() => {
          service.close?.();
          port.close();
        });
      } else if (service.inTurn) last = last.then(() => answer(service, request));
      else void answer(service, request);
    };
    opened.then(heard, () => undefined);
  });
};
