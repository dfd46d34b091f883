// Descriptors collected in memory, with the interface of a store on disk.
import type { Backbone } from '../../backbone/nets/backbone.js';
import type { Item } from '../../datasets/dataset.js';
import { UsageError, expected, option, text } from '../../errors.js';
import { decodeFloat16, encodeFloat16 } from '../../formats/float16.js';
import type { Matrix } from '../../matrix.js';
import { freeMemory, gigabytes } from '../../memory.js';
import type { Skipped } from '../../progress.js';
import type { Features } from '../store/features.js';
import { PART_SIZE } from '../store/store.js';
import type { Outcome } from './image.js';
import type { Plan } from './plan.js';

/** An image that has a descriptor. */
interface Fact {
  readonly item: Item;
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
}

/** Throws if memory does not suffice for all descriptors. @throws UsageError */
const checkRoom = (images: number, bytes: number): void => {
  const free = freeMemory();
  if (bytes <= free.bytes) return;
  throw new UsageError(
    text`The descriptors of ${images} images need ${gigabytes(bytes)} GB of memory, but ${gigabytes(free.bytes)} GB are free (${free.source}). Give ${option('out')}, a folder: then they are on disk.`,
  );
};

/** Collects results one image at a time; memory for all descriptors is allocated once. */
export class Collection {
  readonly #images: number;
  readonly #facts: Fact[] = [];
  readonly #skipped: Skipped[] = [];
  /** The values of each layer, row by row. */
  #data: Float32Array[] = [];

  /** @param images the largest number of images */
  constructor(images: number) {
    this.#images = images;
  }

  add(item: Item, outcome: Outcome): void {
    if (outcome.kind === 'skipped') {
      this.#skipped.push({ id: item.id, path: item.path, reason: outcome.reason });
      return;
    }
    const { sha256, width, height, descriptors } = outcome;
    if (this.#data.length === 0) {
      checkRoom(this.#images, 4 * this.#images * descriptors.reduce((sum, { length }) => sum + length, 0));
      this.#data = descriptors.map(({ length }) => new Float32Array(this.#images * length));
    }
    descriptors.forEach((vector, layer) =>
      this.#data[layer]!.set(vector, this.#facts.length * vector.length),
    );
    this.#facts.push({ item, sha256, width, height });
  }

  /** The descriptors in the order they were added. */
  features({ recipe, nets, hash, engine, lengths }: Plan, backbones: readonly Backbone[]): Features {
    const facts = this.#facts;
    const rows = facts.length;
    const columns = (layer: string): number => {
      const length = lengths[layer];
      if (length === undefined) throw expected(`one of ${recipe.layers.join(', ')}`, option('layer'), layer);
      return length;
    };
    const numbers = this.#data.map((data, layer) => {
      const used = data.subarray(0, rows * lengths[recipe.layers[layer]!]!);
      if (recipe.store === 'float16') decodeFloat16(encodeFloat16(used), used);
      return used;
    });
    const rowsOf = (layer: string, start: number, end: number): Matrix => {
      const width = columns(layer);
      const data = numbers[recipe.layers.indexOf(layer)] ?? new Float32Array(0);
      return { rows: end - start, columns: width, data: data.subarray(start * width, end * width) };
    };
    const starts = Array.from({ length: Math.ceil(rows / PART_SIZE) }, (_, part) => part * PART_SIZE);
    const partAt = (start: number, layer: string): Matrix =>
      rowsOf(layer, start, Math.min(start + PART_SIZE, rows));
    const ids = facts.map(({ item }) => item.id);
    return {
      recipe,
      hash,
      nets,
      engine,
      layers: recipe.layers,
      rows,
      ids,
      paths: facts.map(({ item }) => item.path),
      sha256: facts.map(({ sha256 }) => sha256),
      labels: facts.map(({ item }) => item.labels),
      widths: facts.map(({ width }) => width),
      heights: facts.map(({ height }) => height),
      skipped: this.#skipped,
      parts: starts.map((start) => ({ ids: ids.slice(start, start + PART_SIZE) })),
      columns,
      read: (layer) => Promise.resolve(rowsOf(layer, 0, rows)),
      readPart: (part, layer) => Promise.resolve(partAt(part * PART_SIZE, layer)),
      // eslint-disable-next-line @typescript-eslint/require-await -- a store on disk awaits its files
      async *batches(layer) {
        for (const start of starts) yield { start, matrix: partAt(start, layer) };
      },
      weightFiles: () => Promise.resolve(backbones.map(({ path }) => path)),
    };
  }
}
