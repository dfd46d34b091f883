// Reads the body of an HTTP response in chunks, up to the last byte that arrived.
import type { Dispatcher } from 'undici';

const QUEUED = 1 << 22;

/**
 * The chunks of a response. A broken stream drops its buffer; this one yields everything that arrived before
 * it throws, so that the next attempt continues at the right offset.
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
