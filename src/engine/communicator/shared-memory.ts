// The transport between threads of one process: each rank has an area that all read.
import { VerydeepError } from '../../errors.js';
import { type Transport, MOST_BYTES } from './transport.js';

/** What the threads share. */
export interface SharedArea {
  readonly size: number;
  /** See {@link AT}; then the areas of the ranks. */
  readonly memory: SharedArrayBuffer;
}

/** Places of the control numbers: threads that wait at the barrier, barriers passed, whether a rank failed, and the length of its message. */
const AT = { waiting: 0, passed: 1, failed: 2, length: 3 } as const;
const MESSAGE = 4096;
const HEAD = 16 + MESSAGE;

export const sharedArea = (size: number): SharedArea => ({
  size,
  memory: new SharedArrayBuffer(HEAD + size * MOST_BYTES),
});

/** The message of a rank that failed; undefined if none has. */
export const failureIn = ({ memory }: SharedArea): string | undefined => {
  const control = new Int32Array(memory, 0, 4);
  if (Atomics.load(control, AT.failed) === 0) return undefined;
  const bytes = new Uint8Array(memory, 16, Atomics.load(control, AT.length));
  return new TextDecoder().decode(bytes.slice());
};

/** Records that a rank failed, if it is the first, and wakes the others. */
export const failIn = ({ memory }: SharedArea, message: string): void => {
  const control = new Int32Array(memory, 0, 4);
  if (Atomics.load(control, AT.failed) !== 0) return;
  const bytes = new TextEncoder().encode(message).subarray(0, MESSAGE);
  new Uint8Array(memory, 16, MESSAGE).set(bytes);
  Atomics.store(control, AT.length, bytes.length);
  Atomics.store(control, AT.failed, 1);
  Atomics.notify(control, AT.passed);
};

export class SharedMemoryTransport implements Transport {
  readonly size: number;
  readonly #area: SharedArea;
  readonly #control: Int32Array;
  readonly #areas: Uint8Array[];

  constructor(
    readonly rank: number,
    area: SharedArea,
  ) {
    this.size = area.size;
    this.#area = area;
    this.#control = new Int32Array(area.memory, 0, 4);
    this.#areas = Array.from(
      { length: area.size },
      (_, r) => new Uint8Array(area.memory, HEAD + r * MOST_BYTES, MOST_BYTES),
    );
  }

  /** @throws VerydeepError with its message if a rank failed */
  #barrier(): void {
    const control = this.#control;
    const check = (): void => {
      const failure = failureIn(this.#area);
      if (failure !== undefined) throw new VerydeepError(failure);
    };
    check();
    const passed = Atomics.load(control, AT.passed);
    if (Atomics.add(control, AT.waiting, 1) === this.size - 1) {
      Atomics.store(control, AT.waiting, 0);
      Atomics.add(control, AT.passed, 1);
      Atomics.notify(control, AT.passed);
      return;
    }
    while (Atomics.load(control, AT.passed) === passed) {
      Atomics.wait(control, AT.passed, passed, 1000);
      if (Atomics.load(control, AT.passed) === passed) check();
    }
  }

  /** Shows `bytes` to all while `read` runs. */
  #showing(bytes: Uint8Array, read: () => void): void {
    this.#areas[this.rank]!.set(bytes);
    this.#barrier();
    read();
    this.#barrier();
  }

  alltoall(send: Uint8Array, receive: Uint8Array): void {
    const slice = send.length / this.size;
    const from = this.rank * slice;
    this.#showing(send, () =>
      this.#areas.forEach((area, r) => receive.set(area.subarray(from, from + slice), r * slice)),
    );
  }

  allgather(send: Uint8Array, receive: Uint8Array): void {
    this.#showing(send, () =>
      this.#areas.forEach((area, r) => receive.set(area.subarray(0, send.length), r * send.length)),
    );
  }

  broadcast(bytes: Uint8Array): void {
    this.#showing(this.rank === 0 ? bytes : new Uint8Array(0), () => {
      if (this.rank > 0) bytes.set(this.#areas[0]!.subarray(0, bytes.length));
    });
  }

  close(): void {
    this.#barrier();
  }
}
