// The input pipeline: batches of training images, prepared ahead by worker threads, small sets kept in memory: scaled where the scale is
// fixed, else decoded.
import type { ImageSource } from '../../datasets/dataset.js';
import type { RgbImage } from '../../images/image.js';
import type { Interpolation } from '../../interpolation.js';
import type { Skipped } from '../../progress.js';
import { type Draw, cropInto } from './augmentation.js';
import type { BoxNumbers } from '../nets/box-parameters.js';
import type { InputNormalisation } from '../nets/backbone.js';
import { type ImageThreads, imageThreads } from './image-pool.js';
import type { ImageTask } from './image-worker.js';
import type { TrueBox } from '../boxes/located.js';
import type { Target } from './loss.js';

/** A training image. */
export interface Example extends Target {
  readonly id: string;
  readonly path: string;
  readonly source: ImageSource;
  /** For localisation. */
  readonly truth?: TrueBox;
}

/** Images that go through the net together; unreadable ones are omitted and listed. */
export interface Batch {
  readonly examples: readonly Example[];
  /** What the net is to say of each. */
  readonly targets: readonly Target[];
  /** [examples, crop, crop, 3], normalised. */
  readonly pixels: Float32Array;
  readonly skipped: readonly Skipped[];
}

/** One sample of one image. */
export interface Sample {
  readonly example: Example;
  readonly draw: Draw;
  /** Standardised parameters of the true box in the crop, for localisation. */
  readonly box?: BoxNumbers;
}

interface LoaderOptions {
  readonly crop: number;
  readonly interpolation: Interpolation;
  /** Rotate images by their EXIF orientation. */
  readonly orient?: boolean | undefined;
  /** Worker threads. */
  readonly workers: number;
  /** Batches prepared ahead of the one in use. */
  readonly prefetch: number;
  /** Most bytes of images kept in memory: at one fixed scale, or decoded if they are hardly larger than the scales. */
  readonly cacheBytes: number;
}

/** Splits into at most `parts` pieces of nearly equal size. */
const deal = <T>(values: readonly T[], parts: number): T[][] =>
  Array.from({ length: Math.min(parts, values.length) }, (_, part) =>
    values.filter((_value, i) => i % parts === part),
  );

/** Memory for an image of this smallest side: that of a sides' ratio of 4:3. */
const keptBytes = (side: number): number => side * side * 4;

const keyOf = ({ file, slice }: ImageSource): string => (slice ? `${file}\u0000${slice.offset}` : file);

/** Reads images in worker threads. The caller closes it. */
export class Loader {
  readonly #options: LoaderOptions;
  /** Images at the fixed scale. */
  readonly #scaled = new Map<string, RgbImage>();
  /** Images as decoded, for scales that vary. */
  readonly #decoded = new Map<string, RgbImage>();
  readonly #bad = new Map<string, string>();
  readonly #skipped: Skipped[] = [];
  /** Digests of the images that were read, by content. */
  readonly #digests = new Map<Example, number>();
  #threads: ImageThreads | undefined;
  #cached = 0;
  #reserved = 0;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** Bytes of images in memory. */
  get cachedBytes(): number {
    return this.#cached;
  }

  /** Images that could not be read so far. */
  get skipped(): readonly Skipped[] {
    return this.#skipped;
  }

  /**
   * Digests of images, for the record of a net's training images. Images that were already read have theirs;
   * the others (in a resumed run) are read now. Unusable images have none.
   */
  async digestsOf(examples: readonly Example[]): Promise<number[]> {
    const { crop: side, interpolation, orient, workers } = this.#options;
    const block = 64;
    const missing = examples.filter(
      (example) => !this.#digests.has(example) && !this.#bad.has(keyOf(example.source)),
    );
    for (let i = 0; i < missing.length; i += block) {
      const threads = (this.#threads ??= imageThreads(workers));
      const parts = deal(missing.slice(i, i + block), workers).map(async (part) => {
        const images = part.map(({ source, path }) => ({ source, path }));
        const results = await threads.run('digests', { images, interpolation, orient, side });
        results.forEach((result, j) => {
          const example = part[j]!;
          if ('digest' in result) this.#digests.set(example, result.digest);
          else this.#refuse(example, result.reason);
        });
      });
      await Promise.all(parts);
    }
    return examples.flatMap((example) => this.#digests.get(example) ?? []);
  }

  /** The digest of an image, if it was read. */
  digestOf(example: Example): number | undefined {
    return this.#digests.get(example);
  }

  /** Which of these images were read, or cannot be read: their places in the list. */
  knownOf(examples: readonly Example[]): number[] {
    return examples.flatMap((example, i) =>
      this.#digests.has(example) || this.#bad.has(keyOf(example.source)) ? [i] : [],
    );
  }

  async close(): Promise<void> {
    await this.#threads?.close();
    this.#threads = undefined;
    this.#scaled.clear();
    this.#decoded.clear();
  }

  /**
   * Yields one batch for each list of samples, in order; prepares `prefetch` lists ahead of the reader.
   *
   * @param fixed whether every draw has the same scale, so that scaled images may be kept for the next epoch
   */
  async *batches(
    lists: Iterable<readonly Sample[]>,
    input: InputNormalisation,
    fixed: boolean,
  ): AsyncGenerator<Batch> {
    const ahead: Promise<Batch>[] = [];
    try {
      for (const list of lists) {
        const batch = this.#prepare(list, input, fixed);
        batch.catch(() => undefined); // Reported when its turn comes.
        ahead.push(batch);
        if (ahead.length > this.#options.prefetch) yield await (ahead.shift() as Promise<Batch>);
      }
      while (ahead.length > 0) yield await (ahead.shift() as Promise<Batch>);
    } finally {
      await Promise.allSettled(ahead);
    }
  }

  /** Records an unusable image. */
  #refuse({ id, path, source }: Example, reason: string): void {
    this.#bad.set(keyOf(source), reason);
    this.#skipped.push({ id, path, reason });
  }

  /** Whether an image needs no worker: it is in memory at the fixed scale, or known to be unreadable. */
  #known({ source }: Example, fixed: boolean): boolean {
    const key = keyOf(source);
    return (fixed && this.#scaled.has(key)) || this.#bad.has(key);
  }

  /**
   * Whether memory suffices to keep one more image of smallest side `side`; if so, reserves it.
   */
  #reserve(side: number): boolean {
    const bytes = keptBytes(side);
    if (this.#cached + this.#reserved + bytes > this.#options.cacheBytes) return false;
    this.#reserved += bytes;
    return true;
  }

  /** Has the threads read images: into rows of `memory`, and into the cache where there is room. */
  async #fetch(
    samples: readonly (Sample & { readonly row: number })[],
    fixed: boolean,
    memory: SharedArrayBuffer,
    input: InputNormalisation,
  ): Promise<void> {
    const { crop, interpolation, orient, workers } = this.#options;
    const threads = (this.#threads ??= imageThreads(workers));
    const kept = new Set<number>();
    const images = samples.map(({ example, draw, row }): ImageTask => {
      const { source, path } = example;
      const decoded = fixed ? undefined : this.#decoded.get(keyOf(source));
      if (!decoded && this.#reserve(draw.side)) kept.add(row);
      const what = fixed ? ('scaled' as const) : ('decoded' as const);
      const keep = kept.has(row) ? { what, most: keptBytes(draw.side) } : undefined;
      return { row, source, path, draw, decoded, keep, digest: !this.#digests.has(example) };
    });
    const byRow = new Map(samples.map((sample) => [sample.row, sample]));
    const answers = await Promise.all(
      deal(images, workers).map((part) =>
        threads.run('batch', { images: part, crop, interpolation, orient, memory, input }),
      ),
    );
    for (const { row, pixels, digest, reason } of answers.flat()) {
      const { example, draw } = byRow.get(row)!;
      const key = keyOf(example.source);
      if (digest !== undefined) this.#digests.set(example, digest);
      if (kept.has(row)) this.#reserved -= keptBytes(draw.side);
      if (reason !== undefined) {
        this.#refuse(example, reason);
      } else if (pixels) {
        const cache = fixed ? this.#scaled : this.#decoded;
        // Batches that are prepared together may bring an image twice.
        this.#cached += pixels.data.length - (cache.get(key)?.data.length ?? 0);
        cache.set(key, pixels);
      }
    }
  }

  async #prepare(list: readonly Sample[], input: InputNormalisation, fixed: boolean): Promise<Batch> {
    const { crop } = this.#options;
    const size = crop * crop * 3;
    const missing = list.flatMap((sample, row) =>
      this.#known(sample.example, fixed) ? [] : [{ ...sample, row }],
    );
    const memory = missing.length > 0 ? new SharedArrayBuffer(list.length * size * 4) : undefined;
    if (memory) await this.#fetch(missing, fixed, memory, input);
    const fetched = new Set(missing.map(({ row }) => row));
    const shared = memory && new Float32Array(memory);
    const readable = list.flatMap((sample, row) =>
      this.#bad.has(keyOf(sample.example.source)) ? [] : [{ ...sample, row }],
    );
    const pixels = new Float32Array(readable.length * size);
    readable.forEach(({ example, draw, row }, i) => {
      if (shared && fetched.has(row)) pixels.set(shared.subarray(row * size, (row + 1) * size), i * size);
      else cropInto(pixels, i * size, this.#scaled.get(keyOf(example.source)) as RgbImage, crop, draw, input);
    });
    const skipped = list.flatMap(({ example: { id, path, source } }) => {
      const reason = this.#bad.get(keyOf(source));
      return reason === undefined ? [] : [{ id, path, reason }];
    });
    return {
      examples: readable.map(({ example }) => example),
      targets: readable.map(({ example, box }) => (box ? { label: example.label, box } : example)),
      pixels,
      skipped,
    };
  }
}
