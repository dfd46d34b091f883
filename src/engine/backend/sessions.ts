// Compiled graphs of the backend's kernels, kept as long as they are used.
import { GraphBuilder } from '../onnx.js';
import { NativeSession } from '../ort.js';

/** Compiled graphs kept; a VGG net's training step needs fewer than 200. */
const CAPACITY = 1024;

/** A cache of sessions by key; the longest unused one is closed when there are too many. */
export class Sessions {
  readonly #sessions = new Map<string, NativeSession>();

  constructor(readonly threads: number) {}

  /** The session of `key`; `build` writes its graph when it is not there. */
  get(key: string, build: (graph: GraphBuilder) => void): NativeSession {
    let session = this.#sessions.get(key);
    if (session) {
      // Deleted and set again, the most recently used session is the last of the map.
      this.#sessions.delete(key);
      this.#sessions.set(key, session);
      return session;
    }
    const graph = new GraphBuilder();
    build(graph);
    session = new NativeSession(graph.model(), { threads: this.threads, optimization: 'basic' });
    this.#sessions.set(key, session);
    if (this.#sessions.size > CAPACITY) this.#closeOldest();
    return session;
  }

  #closeOldest(): void {
    const [key, session] = this.#sessions.entries().next().value!;
    session.close();
    this.#sessions.delete(key);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Closes every session. */
  close(): void {
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }
}
