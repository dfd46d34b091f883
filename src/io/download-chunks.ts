// The body of an HTTP answer, chunk by chunk, up to the last byte that arrived.
import type { Dispatcher } from 'undici';

const QUEUED = 1 << 22;

/**
 * The chunks of an answer. A stream that breaks drops what it had buffered; here all that arrived is handed on before
 * the failure is, so that the next attempt begins where this one really ended.
 */
export const chunksOf = (body: Dispatcher.ResponseData['body']): (() => AsyncGenerator<Buffer>) => {
  const queue: Buffer[] = [];
  let [queued, ended] = [0, false];
  let failure: Error | undefined;
  let wake: () => void = () => undefined;
  body.on('data', (chunk: Buffer) => {
    queue.push(chunk);
    queued += chunk.length;
    if (queued > QUEUED) body.pause();
    wake();
  });
  body.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  body.on('end', () => {
    ended = true;
    wake();
  });
  body.on('close', () => {
    if (!ended) failure ??= new Error('the connection was closed');
    wake();
  });
  return async function* () {
    for (;;) {
      for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
        queued -= chunk.length;
        yield chunk;
      }
      if (failure) throw failure;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        body.resume();
      });
    }
  };
};
