// Runs inside a worker thread: starts up, answers tasks, and frees its resources on close.
import { parentPort, workerData } from 'node:worker_threads';
import { type Handlers, Moved, type Reply, type Request, failureOf } from './messages.js';

/** What a ready thread provides. */
interface Service<H extends Handlers> {
  readonly handlers: H;
  /** The result of the caller's `start`. */
  readonly ready?: unknown;
  /** Run one task at a time, in order; otherwise asynchronous tasks overlap. */
  readonly inTurn?: boolean;
  /** An error in a task ends the thread, since its memory may be corrupt. */
  readonly fatal?: boolean;
  /** Frees the thread's resources. */
  readonly close?: () => void;
}

/**
 * Makes this worker thread serve tasks.
 *
 * @param open prepares the thread from its start data; its errors are passed to the caller
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
      if (service.fatal) throw error; // Unhandled, it ends the thread, and the caller is notified.
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
