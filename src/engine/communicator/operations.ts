// What ranks exchange, in terms of a transport: values, arrays, and sums in the tree.
import { deserialize, serialize } from 'node:v8';
import { fromBfloat16, toBfloat16 } from './bfloat16.js';
import { type Transport, MOST_BYTES } from './transport.js';
import { type Node, leavesOf, nodesOf, sumOfNodes } from './tree.js';

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The values of all ranks, by rank. */
export const gather = (transport: Transport, value: unknown): unknown[] => {
  const { size } = transport;
  const own = serialize(value);
  const lengths = new Float64Array(size);
  transport.allgather(bytesOf(Float64Array.of(own.length)), bytesOf(lengths));
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  const all = Array.from(lengths, (length) => new Uint8Array(length));
  const most = Math.floor(MOST_BYTES / size);
  for (let from = 0; from < longest; from += most) {
    const length = Math.min(most, longest - from);
    const [send, receive] = [new Uint8Array(length), new Uint8Array(length * size)];
    send.set(own.subarray(from, from + length));
    transport.allgather(send, receive);
    all.forEach((bytes, r) => {
      const here = Math.min(length, bytes.length - from);
      if (here > 0) bytes.set(receive.subarray(r * length, r * length + here), from);
    });
  }
  return all.map((bytes): unknown => deserialize(bytes));
};

/** Gives all ranks the numbers of rank 0. */
export const broadcast = (transport: Transport, data: Float32Array): void => {
  const bytes = bytesOf(data);
  for (let from = 0; from < bytes.length; from += MOST_BYTES)
    transport.broadcast(bytes.subarray(from, from + MOST_BYTES));
};

const addTo = (a: Float32Array, b: Float32Array): Float32Array => {
  for (let i = 0; i < a.length; i++) a[i]! += b[i]!;
  return a;
};

const keyOf = ({ from, to }: Node): string => `${from}-${to}`;

/** Buffers of sums, which the next sum uses again. */
class Workspace {
  readonly #buffers: Float32Array[] = [];

  take(index: number, length: number): Float32Array {
    const found = this.#buffers[index];
    const buffer = found && found.length >= length ? found : new Float32Array(length);
    this.#buffers[index] = buffer;
    return buffer.subarray(0, length);
  }
}

const workspace = new Workspace();

/** The slices of `send`'s numbers from all ranks, exchanged as they are or as bfloat16. */
const exchanged = (
  transport: Transport,
  kind: 'alltoall' | 'allgather',
  send: Float32Array,
  receive: Float32Array,
  isCompressed: boolean,
): void => {
  if (!isCompressed) transport[kind](bytesOf(send), bytesOf(receive));
  else {
    const [short, shorts] = [toBfloat16(send), new Uint16Array(receive.length)];
    transport[kind](bytesOf(short), bytesOf(shorts));
    fromBfloat16(shorts, receive);
  }
};

/**
 * Adds up arrays of all ranks in the tree over `leaves`, a piece at a time: each rank adds a slice of the piece, and gives it to all.
 *
 * @param parts the nodes of this rank; the first receives the sum
 * @param isCompressed exchange bfloat16: half the bytes, and no longer exact
 */
export const sum = (
  transport: Transport,
  parts: readonly Float32Array[],
  leaves: number,
  isCompressed: boolean,
): void => {
  const { size } = transport;
  const nodes = Array.from({ length: size }, (_, r) => nodesOf(leaves, leavesOf(leaves, r, size)));
  const most = nodes.reduce((longest, each) => Math.max(longest, each.length), 0);
  const [first] = parts as [Float32Array];
  if (transport.sum) {
    parts.slice(1).forEach((part) => addTo(first, part));
    transport.sum(first);
    return;
  }
  const piece = Math.floor(MOST_BYTES / 4 / size) * size;
  for (let from = 0; from < first.length; from += piece) {
    const length = Math.min(piece, first.length - from);
    const slice = length / size;
    const received = Array.from({ length: most }, (_, j) => workspace.take(j, length));
    // A rank of fewer nodes sends its first again, which nobody reads.
    received.forEach((into, j) =>
      exchanged(transport, 'alltoall', (parts[j] ?? first).subarray(from, from + length), into, isCompressed),
    );
    const values = new Map(
      nodes.flatMap((ofRank, r) =>
        ofRank.map((node, j) => [keyOf(node), received[j]!.subarray(r * slice, (r + 1) * slice)] as const),
      ),
    );
    const total = sumOfNodes(leaves, (node) => values.get(keyOf(node)), addTo);
    exchanged(transport, 'allgather', total, first.subarray(from, from + length), isCompressed);
  }
};
