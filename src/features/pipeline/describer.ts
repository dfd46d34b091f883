// Describes images in memory and passes on the descriptors a block of images at a time.
import { withMemoryReturned } from '../../engine/malloc.js';
import { InterruptedError, UsageError, option, text } from '../../errors.js';
import { PART_SIZE } from '../store/store.js';
import { conveyor } from './conveyor.js';
import { totalOf } from '../../memory.js';
import { extractionNeeds } from './memory.js';
import { ImageDescriber, type Outcome, type Picture, nothingKnown } from './image.js';
import { type Machinery, type OpenedNets, type Plan, planExtraction } from './plan.js';
import { Pool } from './pool.js';

/** Engine options, and the limit of image size. */
export interface DescriberOptions extends Machinery {
  /** Skip images of more pixels than this. Default: 100 million. */
  readonly maxPixels?: number;
}

/** Images in flight in addition to those being computed or queued by workers. */
const PREFETCH = 3;

/** Loaded nets that describe images. The caller closes it. */
class Describer {
  readonly plan: Plan;
  readonly #images: ImageDescriber;
  readonly #pool: Pool;

  private constructor(plan: Plan, pool: Pool, maxPixels: number | undefined) {
    this.plan = plan;
    this.#pool = pool;
    this.#images = new ImageDescriber(plan, pool, nothingKnown, maxPixels);
  }

  /** Loads the nets into worker threads. @throws VerydeepError if a net cannot be loaded */
  static async open(plan: Plan, maxPixels: number | undefined): Promise<Describer> {
    const pool = await Pool.start({ specs: plan.specs, recipe: plan.recipe }, plan.workers);
    return new Describer(plan, pool, maxPixels);
  }

  /** One descriptor per layer of the recipe, or the reason why the image was skipped. */
  async describe(picture: Picture): Promise<Outcome> {
    const outcome = await this.#images.describe(picture);
    this.#images.taken(picture, outcome);
    return outcome;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** Plans of all stacks, which are in memory together. @throws UsageError for int8, which needs a store on disk */
const planStacks = async (
  stacks: readonly OpenedNets[],
  pictures: readonly Picture[],
  machinery: Machinery,
): Promise<Plan[]> => {
  const plans: Plan[] = [];
  let besides = 0;
  for (const nets of stacks) {
    if (nets.recipe.precision === 'int8') {
      throw new UsageError(
        text`${option('precision')} int8 needs a store on disk. Give ${option('out')}, or use fp32.`,
      );
    }
    const plan = await planExtraction(nets, machinery, undefined, { pictures, besides });
    plans.push(plan);
    if (plan.size) besides += totalOf(extractionNeeds(plan.size));
  }
  return plans;
};

/**
 * Describes images with several nets or recipes at once, in order, in blocks of at most 64 images. Memory
 * does not grow with the number of images.
 *
 * @param stacks the nets and recipe of each stack
 * @param take receives, for the images from `start` on, one result per stack
 * @throws InterruptedError after `options.signal`
 */
export const describeBlocks = (
  stacks: readonly OpenedNets[],
  pictures: readonly Picture[],
  options: DescriberOptions & { readonly signal?: AbortSignal | undefined },
  take: (start: number, outcomes: readonly (readonly Outcome[])[]) => Promise<void> | void,
): Promise<readonly Plan[]> =>
  withMemoryReturned(async () => {
    const { signal, maxPixels, ...machinery } = options;
    const plans = await planStacks(stacks, pictures, machinery);
    const describers: Describer[] = [];
    try {
      for (const plan of plans) describers.push(await Describer.open(plan, maxPixels));
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
