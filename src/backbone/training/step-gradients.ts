// The gradients of a step: those of its micro-batches, added up in the fixed tree, over all ranks. What the last micro-batch of a rank
// gives is sent layer by layer while its backward pass goes on.
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Communicator } from '../../engine/communicator/communicator.js';
import { type Node, additionsAfter, leavesOf, nodesOf } from '../../engine/communicator/tree.js';
import { sizeFromShape } from '../../shape.js';
import type { Tf } from '../nets/forward.js';

/** Gradients by the names of tensors. */
export type Gradients = Map<string, tfjs.Tensor>;

/** Bytes of gradients that are sent together, at least: small layers wait for their neighbours. */
const BUCKET = 2 ** 24;

/** A tensor's place in the shared memory. */
interface Place {
  readonly offset: number;
  readonly length: number;
  readonly shape: readonly number[];
  readonly bucket: number;
}

/** Layers in the order of the backward pass, in buckets whose lengths are multiples of the number of ranks. */
const layOut = (weights: ReadonlyMap<string, tfjs.Tensor>, names: readonly string[], size: number) => {
  const places = new Map<string, Place>();
  const buckets: { from: number; to: number; readonly names: string[] }[] = [];
  let offset = 0;
  for (const name of names.toReversed()) {
    const { shape } = weights.get(name)!;
    const length = sizeFromShape(shape);
    const last = buckets.at(-1);
    if (!last || 4 * (last.to - last.from) >= BUCKET) {
      offset = Math.ceil(offset / size) * size;
      buckets.push({ from: offset, to: offset, names: [] });
    }
    const bucket = buckets.at(-1)!;
    bucket.names.push(name);
    places.set(name, { offset, length, shape, bucket: buckets.length - 1 });
    offset += length;
    bucket.to = offset;
  }
  for (const bucket of buckets) bucket.to = Math.ceil(bucket.to / size) * size;
  return { places, buckets, length: Math.ceil(offset / size) * size };
};

/** Added to a number it changes nothing, not even the sign of a zero. */
const NOTHING = -0;

/** One for a run; steps come one after the other. */
export class StepGradients {
  readonly #tf: Tf;
  readonly #communicator: Communicator;
  readonly #leaves: number;
  /** The leaves of this rank, and the nodes that they are. */
  readonly own: Node;
  readonly #nodes: readonly Node[];
  readonly #layout: ReturnType<typeof layOut>;
  /** The gradients of each node, in shared memory; none where there is one rank. */
  readonly #parts: readonly Float32Array[];
  /** Sums that wait for their other half; undefined for micro-batches without images. */
  #waiting: (Gradients | undefined)[] = [];
  /** Tensors of each bucket that are still to come, and how many buckets were sent. */
  #missing: Set<string>[] = [];
  #sent: Promise<void>[] = [];

  /** @param leaves micro-batches of a step: a multiple of the number of ranks */
  constructor(
    tf: Tf,
    communicator: Communicator,
    leaves: number,
    weights: ReadonlyMap<string, tfjs.Tensor>,
    trainable: readonly string[],
  ) {
    const { rank, size } = communicator;
    this.#tf = tf;
    this.#communicator = communicator;
    this.#leaves = leaves;
    this.own = leavesOf(leaves, rank, size);
    this.#nodes = nodesOf(leaves, this.own);
    this.#layout = layOut(weights, trainable, size);
    const bytes = 4 * this.#layout.length;
    this.#parts = size === 1 ? [] : this.#nodes.map(() => new Float32Array(new SharedArrayBuffer(bytes)));
    this.#begin();
  }

  #begin(): void {
    this.#waiting = [];
    this.#missing = this.#layout.buckets.map(({ names }) => new Set(names));
    this.#sent = [];
  }

  #nodeOf(leaf: number): number {
    return this.#nodes.findIndex(({ from, to }) => from <= leaf && leaf < to);
  }

  #add(a: Gradients | undefined, b: Gradients | undefined): Gradients | undefined {
    if (!a || !b) return a ?? b;
    for (const [name, gradient] of b) {
      const before = a.get(name)!;
      a.set(name, this.#tf.add(before, gradient));
      this.#tf.dispose([before, gradient]);
    }
    return a;
  }

  /** Called with a tensor's gradient during the backward pass of a micro-batch; undefined where nothing is to be done before its end. */
  listener(leaf: number): ((name: string, gradient: tfjs.Tensor) => void) | undefined {
    if (this.#parts.length === 0 || leaf !== this.own.to - 1) return undefined;
    const waiting = this.#waiting.toReversed();
    return (name, gradient) => {
      const sum = waiting.reduce<tfjs.Tensor>((to, from) => {
        const other = from?.get(name);
        return other ? this.#tf.add(other, to) : to;
      }, gradient);
      this.#write(this.#nodes.length - 1, name, sum);
      this.#arrived(name);
    };
  }

  #write(part: number, name: string, gradient: tfjs.Tensor): void {
    this.#parts[part]!.set(gradient.dataSync<'float32'>(), this.#layout.places.get(name)!.offset);
  }

  /** Sends the buckets that are complete, in order: all ranks must send the same. */
  #arrived(name: string): void {
    this.#missing[this.#layout.places.get(name)!.bucket]!.delete(name);
    while (this.#sent.length < this.#missing.length && this.#missing[this.#sent.length]!.size === 0) {
      const { from, to } = this.#layout.buckets[this.#sent.length]!;
      const parts = this.#parts.map((part) => part.subarray(from, to));
      const sent = this.#communicator.sum(parts, this.#leaves);
      sent.catch(() => undefined); // Reported at the end of the step.
      this.#sent.push(sent);
    }
  }

  /** Takes the gradients of the next micro-batch of this rank; undefined if it has no images. */
  take(leaf: number, gradients: Gradients | undefined): void {
    const j = this.#nodeOf(leaf);
    const node = this.#nodes[j]!;
    const wasHeard = leaf === this.own.to - 1 && this.#parts.length > 0 && gradients !== undefined;
    if (wasHeard) {
      this.#dispose([...this.#waiting, gradients]);
      this.#waiting = [];
      return;
    }
    this.#waiting.push(gradients);
    for (let i = additionsAfter(node, leaf); i > 0; i--) {
      const [a, b] = this.#waiting.splice(-2);
      this.#waiting.push(this.#add(a, b));
    }
    if (leaf < node.to - 1 || this.#parts.length === 0) return;
    const [sum] = this.#waiting.splice(0);
    if (!sum) this.#parts[j]!.fill(NOTHING);
    else for (const [name, gradient] of sum) this.#write(j, name, gradient);
    this.#dispose([sum]);
  }

  #dispose(all: readonly (Gradients | undefined)[]): void {
    for (const gradients of all) if (gradients) this.#tf.dispose([...gradients.values()]);
  }

  /** The sum over all micro-batches, when all have been taken; undefined if this process trains alone and had no images. */
  async finish(): Promise<Gradients | undefined> {
    const [alone] = this.#waiting;
    if (this.#parts.length === 0) {
      this.#begin();
      return alone;
    }
    for (const name of this.#layout.places.keys()) this.#arrived(name);
    await Promise.all(this.#sent);
    this.#begin();
    const [sum] = this.#parts as [Float32Array];
    return new Map(
      [...this.#layout.places].map(([name, { offset, length, shape }]) => [
        name,
        this.#tf.tensor(sum.slice(offset, offset + length), [...shape]),
      ]),
    );
  }

  /** Frees what an unfinished step holds. */
  abandon(): void {
    this.#dispose(this.#waiting);
    this.#begin();
  }
}

/** The most gradients of a whole net that a rank holds besides those of the running micro-batch: sums that wait, and those in shared memory. */
export const heldGradients = (leaves: number, size: number): number => {
  const ranks = Array.from({ length: size }, (_, r) => nodesOf(leaves, leavesOf(leaves, r, size)));
  const depths = ranks.flat().map(({ from, to }) => Math.ceil(Math.log2(to - from)));
  const shared = size === 1 ? 0 : Math.max(...ranks.map((nodes) => nodes.length));
  return Math.max(...depths) + shared;
};
