// The thread of a rank that talks to the other ranks: takes one call after the other, in order, and blocks in each.
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { UsageError, messageOf } from '../../errors.js';
import type { Launched } from './launcher.js';
import { MpiTransport } from './mpi.js';
import { NcclTransport } from './nccl.js';
import * as operations from './operations.js';
import { type SharedArea, SharedMemoryTransport } from './shared-memory.js';
import type { Transport } from './transport.js';

/** How a rank reaches the others. */
export type Way =
  | { readonly kind: 'threads'; readonly rank: number; readonly area: SharedArea }
  | { readonly kind: 'mpi'; readonly launched: Launched };

export interface ThreadStart {
  readonly way: Way;
  readonly port: MessagePort;
  /** Counts the calls: whoever adds one wakes the thread. */
  readonly calls: Int32Array;
  readonly how: HowToSum;
}

/** How gradients are added up, where not exactly. */
export interface HowToSum {
  /** Exchange bfloat16. */
  readonly isCompressed?: boolean;
  /** Add up by NCCL, on this GPU. */
  readonly ncclOn?: number;
}

/** The operations by name, with their arguments. */
export interface Calls {
  gather: { readonly value: unknown };
  broadcast: { readonly data: Float32Array };
  sum: { readonly parts: readonly Float32Array[]; readonly leaves: number };
  close: object;
}

export type Call = { [K in keyof Calls]: { readonly id: number; readonly name: K } & Calls[K] }[keyof Calls];

export type Answer =
  | { readonly ready: { readonly rank: number; readonly size: number; readonly isExact: boolean } }
  | { readonly id: number; readonly value: unknown; readonly seconds: number }
  | { readonly id: number | 'ready'; readonly error: string; readonly isUsage: boolean };

const transportOf = (way: Way, { ncclOn }: HowToSum): Transport => {
  const transport =
    way.kind === 'threads' ? new SharedMemoryTransport(way.rank, way.area) : new MpiTransport(way.launched);
  return ncclOn === undefined ? transport : new NcclTransport(transport, ncclOn);
};

const perform = (transport: Transport, call: Call, isCompressed: boolean): unknown => {
  switch (call.name) {
    case 'gather':
      return operations.gather(transport, call.value);
    case 'broadcast':
      operations.broadcast(transport, call.data);
      return undefined;
    case 'sum':
      operations.sum(transport, call.parts, call.leaves, isCompressed);
      return undefined;
    case 'close':
      transport.close();
      return undefined;
  }
};

const main = ({ way, port, calls, how }: ThreadStart): void => {
  const answer = (message: Answer): void => port.postMessage(message);
  let transport: Transport;
  try {
    transport = transportOf(way, how);
  } catch (error) {
    answer({ id: 'ready', error: messageOf(error), isUsage: error instanceof UsageError });
    return;
  }
  const { isCompressed = false } = how;
  const { rank, size } = transport;
  answer({ ready: { rank, size, isExact: transport.sum === undefined && !isCompressed } });
  for (let done = 0; ; done++) {
    Atomics.wait(calls, 0, done);
    // A message can be a moment later than the count.
    let received: { message: unknown } | undefined;
    while (!(received = receiveMessageOnPort(port))) Atomics.wait(calls, 1, 0, 1);
    const call = received.message as Call;
    const start = performance.now();
    try {
      const value = perform(transport, call, isCompressed);
      answer({ id: call.id, value, seconds: (performance.now() - start) / 1000 });
    } catch (error) {
      answer({ id: call.id, error: messageOf(error), isUsage: false });
    }
    if (call.name === 'close') return;
  }
};

main(workerData as ThreadStart);
