// The thread that watches over the other ranks: it never computes, so that it always answers. Where a rank is lost it says so, and ends
// the process, whatever the other threads wait for.
import { writeSync } from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.js';
import { endProcess } from './end-process.js';
import { rankName } from './communicator.js';
import type { Meeting, WatchReply, WatchRequest, WatchStart } from './watch.js';

/** What ranks tell each other, a line of JSON each. */
type Line =
  | { readonly rank: number; readonly token: string }
  | 'alive'
  | 'bye'
  | { readonly lost: string; readonly code: number };

/** Milliseconds that a rank that fails waits for the others to hear of it. */
const PATIENCE = 2000;
/** Milliseconds in which a launcher passes on what was written: MPICH's drops what it has not read when a process ends badly. */
const HEARD = 400;
const CONNECT = 10_000;
/** The exit code of an interrupted run. */
const INTERRUPTED = 130;

const { rank, size, timeout, token } = workerData as WatchStart;
const reply = (message: WatchReply): void => parentPort!.postMessage(message);

interface Peer {
  readonly rank: number;
  readonly socket: Socket;
  seen: number;
  hasLeft: boolean;
}

const peers = new Map<number, Peer>();
let hosts: readonly string[] = [];
let isFailing = false;
let server: Server | undefined;

const send = (socket: Socket, line: Line): void => void socket.write(`${JSON.stringify(line)}\n`);

/** Tells all others what was lost, and waits until they are gone. */
const tellAll = async (lost: string, code: number): Promise<void> => {
  isFailing = true;
  for (const { socket } of peers.values()) send(socket, { lost, code });
  const end = Date.now() + PATIENCE;
  while (Date.now() < end && [...peers.values()].some(({ socket }) => !socket.destroyed)) await pause(20);
};

/** Ends this process because of another rank: as that one if it was interrupted, else as failed. */
const end = (lost: string, code = 1): void => {
  if (isFailing) return;
  isFailing = true;
  writeSync(2, `verydeep: ${lost}\n`);
  // The others are told first; what is written to a socket goes out when this returns to the loop.
  for (const { socket } of peers.values()) send(socket, { lost, code });
  setTimeout(() => endProcess(code === INTERRUPTED ? code : 1), HEARD);
};

const nameOf = (of: number): string => rankName(of, hosts[of] ?? 'an unknown host');

const listen = (peer: Peer): void => {
  peers.set(peer.rank, peer);
  const { socket } = peer;
  const gone = (): void => {
    if (!peer.hasLeft) end(`${nameOf(peer.rank)} ended early.`);
  };
  socket.on('close', gone).on('error', () => undefined);
};

const hear = (peer: Peer, line: Line): void => {
  peer.seen = Date.now();
  if (line === 'bye') peer.hasLeft = true;
  else if (typeof line === 'object' && 'lost' in line) end(line.lost, line.code);
};

const read = (socket: Socket, onLine: (line: Line) => void): void => {
  createInterface({ input: socket }).on('line', (text) => onLine(JSON.parse(text) as Line));
};

/** Rank 0: lets the others in. */
const receive = (): Promise<number> => {
  server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    let peer: Peer | undefined;
    read(socket, (line) => {
      if (peer) hear(peer, line);
      else if (typeof line === 'object' && 'token' in line && line.token === token) {
        peer = { rank: line.rank, socket, seen: Date.now(), hasLeft: false };
        listen(peer);
        send(socket, 'alive');
      } else socket.destroy();
    });
  });
  return new Promise((resolve) =>
    server!.listen(0, () => resolve((server!.address() as { port: number }).port)),
  );
};

/** Another rank: tries rank 0's addresses. */
const join = async ({ addresses, port, host, token }: Meeting): Promise<void> => {
  const tried: string[] = [];
  for (const address of addresses) {
    try {
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ host: address, port, timeout: CONNECT });
        const refuse = (error: Error): void => {
          socket.destroy();
          reject(error);
        };
        socket.once('error', refuse).once('timeout', () => refuse(new Error('no answer')));
        socket.once('connect', () => send(socket, { rank, token }));
        socket.once('close', () => reject(new Error('refused')));
        read(socket, (line) => {
          const known = peers.get(0);
          if (known) hear(known, line);
          else {
            socket.setTimeout(0).setNoDelay(true);
            listen({ rank: 0, socket, seen: Date.now(), hasLeft: false });
            resolve();
          }
        });
      });
      return;
    } catch (error) {
      tried.push(`${address}: ${messageOf(error)}`);
    }
  }
  throw new Error(`Cannot reach ${rankName(0, host)} at port ${port} (${tried.join('; ')}).`);
};

const allIn = async (): Promise<void> => {
  const until = Date.now() + CONNECT + timeout * 1000;
  while (peers.size < size - 1) {
    if (Date.now() > until) throw new Error(`Only ${peers.size + 1} of ${size} ranks came.`);
    await pause(10);
  }
};

/** Milliseconds between two signs of life. */
const PAUSE = Math.min(5000, timeout * 250);
let lastBeat = Date.now();

const beat = (): void => {
  // A process that was stopped itself, and goes on, has heard of nobody meanwhile.
  const slept = Date.now() - lastBeat > 2 * PAUSE;
  lastBeat = Date.now();
  for (const peer of peers.values()) {
    if (slept) peer.seen = lastBeat;
    if (peer.hasLeft) continue;
    send(peer.socket, 'alive');
    const silent = (Date.now() - peer.seen) / 1000;
    if (silent > timeout) end(`${nameOf(peer.rank)} has given no sign of life for ${timeout} s.`);
  }
};

const meet = async (meeting: Meeting, names: readonly string[]): Promise<void> => {
  hosts = names;
  await (rank === 0 ? allIn() : join(meeting));
  lastBeat = Date.now();
  setInterval(beat, PAUSE);
};

const leave = async (): Promise<void> => {
  for (const { socket } of peers.values()) send(socket, 'bye');
  const until = Date.now() + PATIENCE;
  while (Date.now() < until && [...peers.values()].some(({ hasLeft }) => !hasLeft)) await pause(5);
  isFailing = true; // From now on connections may end.
  for (const { socket } of peers.values()) socket.end();
};

const answer = async (request: WatchRequest): Promise<WatchReply> => {
  if (request === 'close') await leave();
  else if ('fail' in request) await tellAll(request.fail, request.code);
  else {
    try {
      await meet(request.meet, request.hosts);
      return 'met';
    } catch (error) {
      return { error: messageOf(error) };
    }
  }
  return 'done';
};

parentPort!.on('message', (request: WatchRequest) => void answer(request).then(reply));
reply({ port: rank === 0 ? await receive() : 0 });
