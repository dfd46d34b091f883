// Extraction: a list of images, a recipe and backbones become a feature store on disk.
import { relative, resolve } from 'node:path';
import { usableCores } from '../../cores.js';
import type { Item } from '../../datasets/dataset.js';
import { returnFreedMemory, withMemoryReturned } from '../../engine/malloc.js';
import { type Message, InterruptedError, UsageError, option, text } from '../../errors.js';
import { makeOutputFolder } from '../../io/output-folder.js';
import { type Work, differenceOf, recordWork, refusal, workIn } from '../../io/work.js';
import { workOfStore } from '../store/work.js';
import type { OnProgress, Skipped } from '../../progress.js';
import { assemblePart, partMetadata } from './assemble.js';
import { conveyor } from './conveyor.js';
import { ImageDescriber } from './image.js';
import { type ImageList, type Shard, imageList, inShard, itemsOfPart, partsOfShard } from '../store/list.js';
import { type OnnxChoice, openOnnx, planOnnx } from './onnx-net.js';
import { openPart } from '../store/part.js';
import { fidelityText, gateText } from './int8-fidelity.js';
import { type Int8Options, prepareInt8 } from './int8.js';
import { interpolationRemark } from '../recipe/interpolation-remark.js';
import {
  type Machinery,
  type OpenedNets,
  type Plan,
  checkMachinery,
  openNets,
  planExtraction,
} from './plan.js';
import { Pool } from './pool.js';
import { Previous } from '../store/previous.js';
import { type FeatureStore, partFiles, storeOf } from '../store/reader.js';
import type { RecipeChoice } from '../recipe/recipe.js';
import { partsToCompute } from './resume.js';
import { type RunRecord, writeRunRecord } from '../store/run-record.js';
import { Tally } from './tally.js';
import { writePart } from '../store/writer.js';

/** Options of an extraction. */
export interface ExtractOptions extends Machinery {
  /** Folder of the store; created if missing. */
  readonly out: string;
  /** Continue the run in `out` with the same options: compute only images that are missing or have changed. */
  readonly resume?: boolean;
  /** Replace descriptors of other options. */
  readonly force?: boolean;
  /** What the images are, by option: `data`, `split`. Another source of other images is other work. */
  readonly source?: Work;
  /** Only the parts p with p mod count = index. */
  readonly shard?: Shard;
  /** Skip images of more pixels than this. Default: 100 million. */
  readonly maxPixels?: number;
  readonly onProgress?: OnProgress;
  /** Receives remarks, such as what is computed again and why. */
  readonly onNotice?: (text: Message) => void;
  /** Stops the run cleanly: finished work is kept for `resume`, and InterruptedError is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** A net of others, in place of backbones. */
  readonly onnx?: OnnxChoice | undefined;
  /** Calibration and fidelity check of an int8 recipe. */
  readonly int8?: Int8Options;
  /** Command line, for run.json. */
  readonly command?: readonly string[];
}

/** Summary of an extraction. */
export interface Extracted {
  /** All parts in `out`, of this and other shards. */
  readonly store: FeatureStore;
  /** Images of this shard that were skipped, by this run or an earlier one. */
  readonly skipped: readonly Skipped[];
  readonly run: RunRecord;
}

/** Images in flight in addition to those being computed or queued by workers. */
const PREFETCH = 3;
const ALL: Shard = { index: 0, count: 1 };

/**
 * Takes the folder for this work, and records it.
 *
 * @throws UsageError if the folder holds descriptors of other options, unless forced; or of this shard, unless resumed
 */
const claim = async (
  { inPlace }: Previous,
  plan: Plan,
  list: ImageList,
  { out, shard = ALL, resume = false, force = false, source = {}, maxPixels }: ExtractOptions,
): Promise<void> => {
  const work = workOfStore(plan);
  const parts = [...inPlace.values()];
  const recorded = parts.length > 0 ? await workIn(out) : undefined;
  if (!force) {
    for (const { metadata } of parts) {
      // The same images may lie elsewhere; other images of the same source have changed, which is no option.
      const compared = { maxPixels, ...(metadata.list === list.hash ? {} : source) };
      const names = recorded ? Object.keys(compared) : [];
      const before = Object.fromEntries(names.map((name) => [name, recorded?.[name]]));
      const now = Object.fromEntries(names.map((name) => [name, (compared as Work)[name]]));
      const difference = differenceOf({ ...workOfStore(metadata), ...before }, { ...work, ...now });
      if (difference !== undefined)
        throw refusal(text`The store ${out} given for ${option('out')}`, difference);
    }
    const used = [...inPlace].find(([, part]) => inShard(part.metadata.part, shard));
    if (used && !resume) {
      throw new UsageError(
        text`The folder ${out} given for ${option('out')} already holds descriptors (${used[0]}). Add ${option('resume')} to continue that run, or choose another folder.`,
      );
    }
  }
  await recordWork(out, 'extract', { ...work, ...source, maxPixels });
};

/**
 * Quantises the nets of an int8 recipe. If the fidelity check fails, plans float32 instead and emits a
 * remark.
 */
const planFor = async (
  nets: OpenedNets,
  items: readonly Item[],
  { out, int8 = {}, onProgress, onNotice, ...machinery }: ExtractOptions,
): Promise<Plan> => {
  const { precision } = nets.recipe;
  checkMachinery(precision, machinery);
  const expectation = { pictures: items };
  if (precision !== 'int8') return planExtraction(nets, machinery, undefined, expectation);
  const threads = machinery.threads ?? usableCores();
  const prepared = await prepareInt8(nets.backbones, items, out, { ...nets, threads, onProgress }, int8);
  if (prepared.accepted || int8.allowLowFidelity) {
    onNotice?.(`int8: ${prepared.bits}-bit weights, ${fidelityText(prepared.fidelity)}.`);
    return planExtraction(nets, machinery, prepared, expectation);
  }
  onNotice?.(
    text`int8 does not pass ${gateText}: ${fidelityText(prepared.fidelity)}. Continuing in fp32; ${option('allowLowFidelity')} uses int8 anyway.`,
  );
  const inFull = { ...nets, recipe: { ...nets.recipe, precision: 'fp32' } } as const;
  return planExtraction(inFull, machinery, undefined, expectation);
};

/** Computes parts and writes them; returns the time spent in the nets, in seconds. */
const computeParts = async (
  plan: Plan,
  list: ImageList,
  todo: readonly number[],
  previous: Previous,
  tally: Tally,
  { out, maxPixels, signal }: ExtractOptions,
): Promise<number> => {
  const parts = todo.map((number) => ({ number, items: itemsOfPart(list, number) }));
  returnFreedMemory(); // Images read to calibrate an int8 recipe.
  const pool = await Pool.start({ specs: plan.specs, recipe: plan.recipe }, plan.workers);
  try {
    const describer = new ImageDescriber(plan, pool, previous, maxPixels);
    const done = await conveyor({
      parts,
      width: 2 * plan.workers + PREFETCH,
      work: async (item: Item) => {
        const outcome = await describer.describe(item);
        tally.add(outcome);
        return outcome;
      },
      finish: async (part, outcomes) => {
        const items = itemsOfPart(list, part);
        const { metadata, rows } = assemblePart(plan, partMetadata(plan, list, part), items, outcomes);
        const whole = outcomes.length === items.length;
        if (!whole && rows.length === 0) return;
        // Rows of an interrupted part are saved for the next run.
        const folder = whole ? out : await previous.asideFolder();
        const path = await writePart(folder, metadata, rows, plan.lengths);
        if (whole) describer.written(await openPart(path));
        returnFreedMemory();
      },
      signal,
    });
    if (!done)
      throw new InterruptedError(
        text`Interrupted. Finished descriptors are in ${out}. Continue with ${option('resume')}.`,
      );
    return pool.busySeconds;
  } finally {
    await pool.close();
  }
};

const extract = async (
  items: readonly Item[],
  backbones: readonly string[],
  choice: RecipeChoice,
  options: ExtractOptions,
): Promise<Extracted> => {
  const started = new Date();
  const { out, shard = ALL, onProgress, onNotice } = options;
  const again = (options.resume ?? false) || (options.force ?? false);
  const other = options.onnx && (await openOnnx(options.onnx, choice));
  const nets = other ? undefined : await openNets(backbones, choice);
  const remark = nets && interpolationRemark(nets.recipe.interpolation, nets.backbones);
  if (remark !== undefined) onNotice?.(remark);
  const list = imageList(items, (other ?? nets!).recipe);
  const ready = other && (await planOnnx(other, options)); // Says what is wrong before the folder is made.
  await makeOutputFolder(out);
  const plan = ready ?? (await planFor(nets!, list.items, options));
  if (plan.remark !== undefined) onNotice?.(plan.remark);
  const previous = await Previous.read(out, plan.hash, plan.engine);
  await claim(previous, plan, list, options);
  const mine = partsOfShard(list, shard);
  const wanted = (part: number) => partMetadata(plan, list, part);
  const todo = again ? await partsToCompute(list, shard, previous, wanted, onProgress, onNotice) : mine;
  const imagesOf = (parts: readonly number[]): number =>
    parts.reduce((sum, part) => sum + itemsOfPart(list, part).length, 0);
  const tally = new Tally(imagesOf(todo), onProgress);
  const busySeconds = todo.length > 0 ? await computeParts(plan, list, todo, previous, tally, options) : 0;
  await previous.clear(shard);

  const present = await Promise.all((await partFiles(out)).map(openPart));
  const store = storeOf(
    plan,
    present.filter((part) => part.metadata.hash === plan.hash),
  );
  const skipped = store.parts
    .filter((part) => inShard(part.metadata.part, shard))
    .flatMap((part) => part.metadata.skipped.map(({ id, path, reason }) => ({ id, path, reason })));
  const run: RunRecord = {
    started: started.toISOString(),
    seconds: (Date.now() - started.getTime()) / 1000,
    busySeconds,
    images: imagesOf(mine),
    ...tally.counts,
    skipped: skipped.length,
    threads: plan.threads,
    workers: plan.workers,
    engine: plan.engine,
    hash: plan.hash,
    shard: `${shard.index}/${shard.count}`,
    command: options.command ?? [],
    backbones: (nets?.backbones ?? [other!.net]).map(({ path }, i) => ({
      sha256: plan.nets[i]!.sha256,
      path: relative(resolve(out), resolve(path)),
    })),
  };
  await writeRunRecord(out, shard, run, skipped);
  return { store, skipped, run };
};

/**
 * Describes images and writes the descriptors to `options.out`, at most 64 images a file. A run that was
 * stopped and continued with `resume` gives the same bytes as an uninterrupted one.
 *
 * @param items images of a split; ids must be unique
 * @param backbones paths of weight files; several are stacked, each net's descriptor normalised separately
 * @param choice a recipe, its name, or single options; missing options take their defaults
 * @returns the store, and the skipped images with their reasons
 * @throws UsageError for a recipe, backbone or list that does not fit, or a folder in use
 * @throws VerydeepError if the disk is full or the computation fails; files already written stay valid
 * @throws InterruptedError after `options.signal`
 */
export const extractFeatures = (
  items: readonly Item[],
  backbones: readonly string[],
  choice: RecipeChoice,
  options: ExtractOptions,
): Promise<Extracted> => withMemoryReturned(() => extract(items, backbones, choice, options));
