// Describes images in memory: nothing is written, and descriptors are handed over a block of images at a time.
import { withMemoryReturned } from '../../engine/malloc.js';
import { InterruptedError, UsageError, option, text } from '../../errors.js';
import { PART_SIZE } from '../store/store.js';
import { conveyor } from './conveyor.js';
import { ImageDescriber, type Outcome, type Picture, nothingKnown } from './image.js';
import { type Machinery, type OpenedNets, type Plan, planExtraction } from './plan.js';
import { Pool } from './pool.js';

/** What computes, and which images are too large. */
export interface DescriberOptions extends Machinery {
  /** Images of more pixels are skipped; default 100 million. */
  readonly maxPixels?: number;
}

/** Images under way besides those that workers compute or have waiting. */
const PREFETCH = 3;

/** Nets that are loaded and wait for images. Whoever opens it closes it. */
export class Describer {
  readonly plan: Plan;
  readonly #images: ImageDescriber;
  readonly #pool: Pool;

  private constructor(plan: Plan, pool: Pool, maxPixels: number | undefined) {
    this.plan = plan;
    this.#pool = pool;
    this.#images = new ImageDescriber(plan, pool, nothingKnown, maxPixels);
  }

  /**
   * Loads the nets into worker threads.
   *
   * @throws UsageError for a layer that a net does not have, and for int8, which is calibrated for a store on disk
   * @throws VerydeepError when a net cannot be loaded
   */
  static async open(nets: OpenedNets, { maxPixels, ...machinery }: DescriberOptions): Promise<Describer> {
    if (nets.recipe.precision === 'int8') {
      throw new UsageError(
        text`${option('precision')} int8 describes images to a store on disk only. Give ${option('out')}, or fp32.`,
      );
    }
    const plan = await planExtraction(nets, machinery);
    return new Describer(
      plan,
      await Pool.start({ specs: plan.specs, recipe: plan.recipe }, plan.workers),
      maxPixels,
    );
  }

  /** A descriptor for each layer of the recipe, or why there is none. */
  async describe(picture: Picture): Promise<Outcome> {
    const outcome = await this.#images.describe(picture);
    this.#images.taken(picture, outcome);
    return outcome;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/**
 * Describes images by several nets or recipes at once, in blocks of at most 64 images, in order; memory does not grow
 * with their number.
 *
 * @param stacks the nets and recipe of each stack
 * @param take the outcomes of each image, one a stack, of the images from `start` on
 * @throws InterruptedError after `options.signal`
 */
export const describeBlocks = (
  stacks: readonly OpenedNets[],
  pictures: readonly Picture[],
  options: DescriberOptions & { readonly signal?: AbortSignal | undefined },
  take: (start: number, outcomes: readonly (readonly Outcome[])[]) => Promise<void> | void,
): Promise<readonly Plan[]> =>
  withMemoryReturned(async () => {
    const { signal, ...own } = options;
    const describers: Describer[] = [];
    try {
      for (const nets of stacks) describers.push(await Describer.open(nets, own));
      const plans = describers.map(({ plan }) => plan);
      const parts = Array.from({ length: Math.ceil(pictures.length / PART_SIZE) }, (_, number) => ({
        number,
        items: pictures.slice(number * PART_SIZE, (number + 1) * PART_SIZE),
      }));
      const done = await conveyor({
        parts,
        width: 2 * Math.max(...plans.map(({ workers }) => workers)) + PREFETCH,
        work: async (picture: Picture) => {
          const outcomes: Outcome[] = [];
          for (const describer of describers) outcomes.push(await describer.describe(picture));
          return outcomes;
        },
        finish: (number, outcomes) => take(number * PART_SIZE, outcomes),
        signal,
      });
      if (!done) throw new InterruptedError('Interrupted.');
      return plans;
    } finally {
      await Promise.all(describers.map((describer) => describer.close()));
    }
  });
