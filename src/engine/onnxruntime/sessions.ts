// The compiled graphs of the backend's kernels, kept for the next call.
import { GraphBuilder } from '../onnx.js';
import { NativeSession, type Value } from '../ort.js';

/** Compiled graphs kept; a VGG net's training step needs fewer than 200. */
const CAPACITY = 1024;

/** A cache of sessions by key; the longest unused one is closed when there are too many. */
export class Sessions {
  readonly #sessions = new Map<string, { readonly session: NativeSession; lastUse: number }>();
  #uses = 0;

  /** @param capacity sessions that are kept */
  constructor(
    readonly threads: number,
    readonly capacity = CAPACITY,
  ) {}

  /** The session of `key`; `build` writes its graph when it is not there. */
  get(key: string, build: (graph: GraphBuilder) => void): NativeSession {
    const kept = this.#sessions.get(key);
    if (kept) {
      kept.lastUse = ++this.#uses;
      return kept.session;
    }
    const graph = new GraphBuilder();
    build(graph);
    const session = new NativeSession(graph.model(), { threads: this.threads, optimization: 'basic' });
    this.#sessions.set(key, { session, lastUse: ++this.#uses });
    if (this.#sessions.size > this.capacity) this.#closeOldest();
    return session;
  }

  /** Computes the graph of `key` on native tensors; see {@link get}. */
  run(
    key: string,
    build: (graph: GraphBuilder) => void,
    inputs: readonly Value[],
    outputs: readonly Value[],
  ): void {
    this.get(key, build).run(inputs, outputs);
  }

  #closeOldest(): void {
    const [key, { session }] = [...this.#sessions].reduce((a, b) => (b[1].lastUse < a[1].lastUse ? b : a));
    session.close();
    this.#sessions.delete(key);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Closes every session. */
  close(): void {
    for (const { session } of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }
}
