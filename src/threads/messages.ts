// What the two sides of a worker thread say to each other, and what they agree on.
import { type Message, OptionName, VerydeepError, messageOf } from '../errors.js';

/** What threads do: functions of one task, by name. */
export type Handlers = Readonly<Record<string, (task: never) => unknown>>;

/** An answer whose buffers are handed over instead of copied. */
export class Moved<T> {
  constructor(
    readonly answer: T,
    readonly buffers: readonly ArrayBuffer[],
  ) {}
}

/** The task that a handler takes, and the answer that it gives. */
export type TaskOf<H extends Handlers, Name extends keyof H> = Parameters<H[Name]>[0];
export type AnswerOf<H extends Handlers, Name extends keyof H> =
  Awaited<ReturnType<H[Name]>> extends Moved<infer T> ? T : Awaited<ReturnType<H[Name]>>;

/** An error on its way to the other side: the message in pieces, so that options stay options. */
export type Failure = readonly (string | { readonly option: string })[];

/** To a thread: a task, or the request to free what it holds and end. */
export type Request = { readonly id: number; readonly name: string; readonly task: unknown } | 'close';

/** From a thread: it is ready, or cannot get ready; an answer, or why there is none. */
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
