// Messages between a worker thread and its caller.
import { type Message, OptionName, VerydeepError, messageOf } from '../errors.js';

/** The handlers of a thread, by name: functions of one task. */
export type Handlers = Readonly<Record<string, (task: never) => unknown>>;

/** An answer whose buffers are transferred instead of copied. */
export class Moved<T> {
  constructor(
    readonly answer: T,
    readonly buffers: readonly ArrayBuffer[],
  ) {}
}

/** The task and the answer of a handler. */
export type TaskOf<H extends Handlers, Name extends keyof H> = Parameters<H[Name]>[0];
export type AnswerOf<H extends Handlers, Name extends keyof H> =
  Awaited<ReturnType<H[Name]>> extends Moved<infer T> ? T : Awaited<ReturnType<H[Name]>>;

/** A serialised error: the message in pieces, so that option names stay marked. */
export type Failure = readonly (string | { readonly option: string })[];

/** To a thread: a task, or the request to free its resources and exit. */
export type Request = { readonly id: number; readonly name: string; readonly task: unknown } | 'close';

/** From a thread: it is ready or failed to start; an answer or an error. */
export type Reply =
  | { readonly ready: unknown }
  | { readonly unready: Failure }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: Failure };

export const failureOf = (error: unknown): Failure => {
  if (!(error instanceof VerydeepError) || typeof error.pieces === 'string') return [messageOf(error)];
  return error.pieces.map((piece) => (typeof piece === 'string' ? piece : { option: piece.name }));
};

export const errorOf = (failure: Failure): VerydeepError => {
  const pieces: Message = failure.map((piece) =>
    typeof piece === 'string' ? piece : new OptionName(piece.option),
  );
  return new VerydeepError(pieces);
};
