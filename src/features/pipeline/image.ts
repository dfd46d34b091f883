// What becomes of one image: a descriptor (computed, or found among those on disk), or a reason why there is none.
import type { Item } from '../../datasets/dataset.js';
import { sha256 } from '../../io/files.js';
import { decode } from '../../images/decode.js';
import { ImageError } from '../../images/image.js';
import { readImageBytes } from '../../images/source.js';
import { boxNumbers, usesBoxes } from '../store/list.js';
import type { Part } from '../store/part.js';
import type { Plan } from './plan.js';
import type { Pool } from './pool.js';
import { type Previous, readRow, rowKey } from '../store/previous.js';
import { viewsOf } from '../recipe/views.js';

/** A described image. */
export interface Described {
  readonly kind: 'described';
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  /** One for each layer of the recipe. */
  readonly descriptors: readonly Float32Array[];
  /** Whether nothing was computed: the same image was described before. */
  readonly reused: boolean;
  /** Pixels that the nets saw, over all scales. */
  readonly megapixels: number;
}

export type Outcome =
  Described | { readonly kind: 'skipped'; readonly reason: string; readonly sha256?: string };

/** Describes images one by one; the same bytes (and box) are computed once. */
export class ImageDescriber {
  readonly #plan: Plan;
  readonly #pool: Pool;
  readonly #previous: Previous;
  readonly #maxPixels: number | undefined;
  /** Images under way or not yet written, by what decides their descriptor. */
  readonly #underWay = new Map<string, Promise<Described>>();

  constructor(plan: Plan, pool: Pool, previous: Previous, maxPixels?: number) {
    this.#plan = plan;
    this.#pool = pool;
    this.#previous = previous;
    this.#maxPixels = maxPixels;
  }

  /** An image's descriptors, or why it has none. @throws VerydeepError when the computation itself fails */
  async describe(item: Item): Promise<Outcome> {
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

  /** Tells that a part is on disk: its descriptors need not be kept in memory any more. */
  written(part: Part): void {
    this.#previous.remember(part);
    part.sha256.forEach((hash, row) => this.#underWay.delete(rowKey(hash, part.metadata.boxes?.[row])));
  }

  async #describeBytes(item: Item, bytes: Uint8Array, hash: string): Promise<Described> {
    const { recipe } = this.#plan;
    const key = rowKey(hash, usesBoxes(recipe) ? boxNumbers(item) : undefined);
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

  async #compute(item: Item, bytes: Uint8Array, hash: string): Promise<Described> {
    const { recipe, inputSize } = this.#plan;
    const image = await decode(bytes, item.path, {
      orient: recipe.orient,
      ...(this.#maxPixels === undefined ? {} : { maxPixels: this.#maxPixels }),
    });
    const views = await viewsOf(image, item.path, item.box, recipe, inputSize, this.#pool.room);
    const descriptors = await this.#pool.describe(views);
    const pixels = views.reduce((sum, { image: view }) => sum + view.width * view.height, 0);
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
