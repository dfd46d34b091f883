// The result for one image: a descriptor (computed, or found on disk), or the reason why it was skipped.
import type { Box } from '../../datasets/dataset.js';
import { VerydeepError, option, text } from '../../errors.js';
import { sha256 } from '../../io/files.js';
import { decode } from '../../images/decode.js';
import { ImageError } from '../../images/image.js';
import { type ByteSource, type BytesInMemory, readImageBytes } from '../../images/source.js';
import { boxNumbers, usesBoxes } from '../store/list.js';
import type { Part } from '../store/part.js';
import { checkView } from './fit.js';
import type { Plan } from './plan.js';
import type { Pool } from './pool.js';
import { type Previous, readRow, rowKey } from '../store/previous.js';
import { viewsOf } from '../recipe/views.js';

/** An image to describe: encoded bytes on disk or in memory, a name for messages, and an optional box. */
export interface Picture {
  readonly path: string;
  readonly source: ByteSource | BytesInMemory;
  readonly box?: Box;
}

/** A described image. */
export interface Described {
  readonly kind: 'described';
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  /** One per layer of the recipe. */
  readonly descriptors: readonly Float32Array[];
  /** Whether an existing descriptor of the same image was used. */
  readonly reused: boolean;
  /** Input pixels of the nets, over all scales. */
  readonly megapixels: number;
}

export type Outcome =
  Described | { readonly kind: 'skipped'; readonly reason: string; readonly sha256?: string };

/** Looks up descriptors of an earlier run. */
type Known = Pick<Previous, 'find' | 'remember'>;

/** An empty lookup. */
export const nothingKnown: Known = { find: () => undefined, remember: () => undefined };

/** The smallest value that rounds to infinity in half precision. */
const BEYOND_FLOAT16 = 65520;

/** Throws if a descriptor has values that the store cannot hold. */
const checkNumbers = (descriptors: readonly Float32Array[], { nets, recipe }: Plan, path: string): void => {
  const limit = recipe.store === 'float16' ? BEYOND_FLOAT16 : Infinity;
  const found = descriptors.flatMap(
    (numbers) => numbers.find((value) => !(Math.abs(value) < limit)) ?? [],
  )[0];
  if (found === undefined) return;
  const by = nets
    .map(({ config, sha256: hash }) => `the net ${config} (SHA-256 ${hash.slice(0, 8)})`)
    .join(' and ');
  throw new VerydeepError(
    Number.isFinite(found)
      ? text`The descriptor of ${path} by ${by} holds ${found}, more than half precision can. Give ${option('store')} float32.`
      : `The descriptor of ${path} by ${by} holds ${found}: its weights are too large for float32, or its input is not ` +
          'normalised as in training. It was not stored.',
  );
};

/** Describes images one by one; identical bytes (and box) are computed once. */
export class ImageDescriber {
  readonly #plan: Plan;
  readonly #pool: Pool;
  readonly #previous: Known;
  readonly #maxPixels: number | undefined;
  /** Images in flight or not yet written, by the key of their descriptor. */
  readonly #underWay = new Map<string, Promise<Described>>();

  constructor(plan: Plan, pool: Pool, previous: Known, maxPixels?: number) {
    this.#plan = plan;
    this.#pool = pool;
    this.#previous = previous;
    this.#maxPixels = maxPixels;
  }

  /** An image's descriptors, or why it was skipped. @throws VerydeepError if the computation fails */
  async describe(item: Picture): Promise<Outcome> {
    let hash: string | undefined;
    try {
      const bytes = await readImageBytes(item.source, item.path);
      hash = sha256(bytes);
      return await this.#describeBytes(item, bytes, hash);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      return { kind: 'skipped', reason: error.reason, ...(hash === undefined ? {} : { sha256: hash }) };
    }
  }

  /** Called when a part is on disk: drops its descriptors from memory. */
  written(part: Part): void {
    this.#previous.remember(part);
    part.sha256.forEach((hash, row) => this.#underWay.delete(rowKey(hash, part.metadata.boxes?.[row])));
  }

  /** Called when a result has been used: drops it from memory. */
  taken(item: Picture, outcome: Outcome): void {
    if (outcome.kind === 'described') this.#underWay.delete(this.#keyOf(item, outcome.sha256));
  }

  #keyOf(item: Picture, hash: string): string {
    return rowKey(hash, usesBoxes(this.#plan.recipe) ? boxNumbers(item) : undefined);
  }

  async #describeBytes(item: Picture, bytes: Uint8Array, hash: string): Promise<Described> {
    const { recipe } = this.#plan;
    const key = this.#keyOf(item, hash);
    const before = this.#underWay.get(key);
    if (before) return { ...(await before), reused: true, megapixels: 0 };
    const found = this.#previous.find(key);
    if (found) {
      const descriptors = await readRow(found, recipe.layers);
      const { part, row } = found;
      const size = { width: part.widths[row]!, height: part.heights[row]! };
      if (descriptors)
        return { kind: 'described', sha256: hash, ...size, descriptors, reused: true, megapixels: 0 };
    }
    const computed = this.#compute(item, bytes, hash);
    this.#underWay.set(key, computed);
    computed.catch(() => this.#underWay.delete(key));
    return computed;
  }

  async #compute(item: Picture, bytes: Uint8Array, hash: string): Promise<Described> {
    const { recipe, inputSize } = this.#plan;
    const image = await decode(bytes, item.path, {
      orient: recipe.orient,
      ...(this.#maxPixels === undefined ? {} : { maxPixels: this.#maxPixels }),
    });
    const views = await viewsOf(image, item.path, item.box, recipe, inputSize, this.#pool.room);
    const sizes = views.map(({ image: view }) => view.width * view.height);
    if (this.#plan.size) checkView(this.#plan.size, recipe, Math.max(...sizes), item.path);
    const descriptors = await this.#pool.describe(views);
    checkNumbers(descriptors, this.#plan, item.path);
    const pixels = sizes.reduce((sum, each) => sum + each, 0);
    const { width, height } = image;
    return {
      kind: 'described',
      sha256: hash,
      width,
      height,
      descriptors,
      reused: false,
      megapixels: pixels / 1e6,
    };
  }
}
