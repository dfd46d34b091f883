// Watches over the ranks of a run under MPI, which waits for ever where a rank is lost: each rank holds a connection to rank 0, on which
// errors, ends and signs of life are told.
import { randomUUID } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';
import { VerydeepError } from '../../errors.js';
import type { Communicator } from './communicator.js';
import type { Guard } from './threaded.js';

/** Where rank 0 listens. */
export interface Meeting {
  readonly host: string;
  readonly addresses: readonly string[];
  readonly port: number;
  /** What a rank must say to be let in. */
  readonly token: string;
}

export interface WatchStart {
  readonly rank: number;
  readonly size: number;
  /** Seconds without a sign of life after which a rank is given up. */
  readonly timeout: number;
  readonly token: string;
}

/** To the thread that watches. */
export type WatchRequest =
  | { readonly meet: Meeting; readonly hosts: readonly string[] }
  | { readonly fail: string; readonly code: number }
  | 'close';

/** From it. */
export type WatchReply = { readonly port: number } | 'met' | 'done' | { readonly error: string };

/** The addresses of this host, those of the loopback last. */
const addressesOfHost = (): string[] => {
  const all = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, address }) => family === 'IPv4' || !address.startsWith('fe80'));
  const sorted = [...all.filter(({ internal }) => !internal), ...all.filter(({ internal }) => internal)];
  return sorted.map(({ address }) => address);
};

/**
 * Connects this rank's watch with that of rank 0.
 *
 * @throws VerydeepError if rank 0 cannot be reached
 */
export const watchOver = async (communicator: Communicator, timeout: number): Promise<Guard> => {
  const { rank, size } = communicator;
  const token = randomUUID();
  const worker = new Worker(new URL('./watch-thread.js', import.meta.url), {
    workerData: { rank, size, timeout, token } satisfies WatchStart,
    execArgv: [],
  });
  worker.on('error', (error) => {
    throw error;
  });
  const replies: WatchReply[] = [];
  let wake: () => void = () => undefined;
  worker.on('message', (reply: WatchReply) => {
    replies.push(reply);
    wake();
  });
  const next = async (): Promise<WatchReply> => {
    worker.ref();
    while (replies.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    worker.unref();
    return replies.shift()!;
  };
  const ask = (request: WatchRequest): Promise<WatchReply> => {
    worker.postMessage(request);
    return next();
  };
  const first = await next();
  const port = typeof first === 'object' && 'port' in first ? first.port : 0;
  const host = hostname();
  const all = await communicator.gather<Meeting>({ host, addresses: addressesOfHost(), port, token });
  const met = await ask({ meet: all[0]!, hosts: all.map((each) => each.host) });
  if (typeof met === 'object' && 'error' in met) throw new VerydeepError(met.error);
  return {
    fail: async (message, code) => {
      await ask({ fail: message, code });
    },
    close: async () => {
      await ask('close');
      await worker.terminate();
    },
  };
};
