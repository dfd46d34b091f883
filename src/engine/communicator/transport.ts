// What carries bytes between ranks, in the thread of its own that each rank has for it: its calls return when they are done.
export interface Transport {
  readonly rank: number;
  readonly size: number;
  /** Gives each rank its slice of `send`, and receives a slice from each, by rank. Both are `size` slices long, at most {@link MOST_BYTES}. */
  alltoall(send: Uint8Array, receive: Uint8Array): void;
  /** Receives the slices of all ranks, by rank. `receive` is at most {@link MOST_BYTES} long. */
  allgather(send: Uint8Array, receive: Uint8Array): void;
  /** Receives the bytes of rank 0, at most {@link MOST_BYTES}. */
  broadcast(bytes: Uint8Array): void;
  /** Adds up arrays of all ranks in place, in an order of its own; missing where there is nothing faster than the exact sum. */
  sum?(data: Float32Array): void;
  close(): void;
}

/** Bytes that are exchanged at once: what a sum needs besides its operands is a few times this. */
export const MOST_BYTES = 2 ** 24;
