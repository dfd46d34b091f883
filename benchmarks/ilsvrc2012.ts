// ILSVRC-2012 classification as the paper tests it (section 3.2): dense and multi-crop, several scales, several nets.
import { join } from 'node:path';
import { BACKBONE_ADVICE, openBackbone } from '../src/backbone/nets/backbone.js';
import { backboneFiles } from '../src/backbone/nets/builtin.js';
import type { Dataset, Item } from '../src/datasets/dataset.js';
import { openDataset, splitOf } from '../src/datasets/open.js';
import { type Message, UsageError, expected, option, text } from '../src/errors.js';
import { topK } from '../src/evaluation/top-k.js';
import { type ExtractOptions, extractFeatures } from '../src/features/pipeline/extract.js';
import { openFeatures } from '../src/features/store/reader.js';
import type { Recipe } from '../src/features/recipe/recipe.js';
import { writeAtomically, writeFileAtomically } from '../src/io/files.js';
import { claimFolder, removeResults } from '../src/io/work.js';
import type { OnProgress, Skipped } from '../src/progress.js';
import { type OptionsOf, checkOptions, decisive, valuesOf, withDefaults } from '../src/options.js';
import { ilsvrcOptions } from './ilsvrc/options.js';
import { publishedErrors } from './ilsvrc/published.js';
import {
  type Combination,
  type PosteriorStore,
  type Testing,
  combinationsOf,
  openPosteriors,
} from './ilsvrc/posteriors.js';
import { appendLines, predictionHeader, predictionLines } from './ilsvrc/predictions.js';
import { refuseSeen, refuseSeenEarly, seenByNets, seenResult, seenTest } from './protocol/seen.js';
import { contentsOf, imagesAt } from './protocol/work.js';
import { ilsvrcReport } from './ilsvrc/report.js';
import type { ErrorRow, IlsvrcResults } from './ilsvrc/results.js';

/** What nets are tested on, and how; the table of options has the defaults. */
export interface IlsvrcOptions extends Partial<OptionsOf<typeof ilsvrcOptions>> {
  readonly data: string;
  /** Weight files; or else `features`, folders of posteriors that an earlier run wrote. */
  readonly backbones?: readonly string[];
  readonly features?: readonly string[];
  readonly out: string;
  /** Continue a run of the same options in `out`. Default true. */
  readonly resume?: boolean;
  /** Replace results of other options. */
  readonly force?: boolean;
  /** Smallest sides Q; 256, 384, 512 relative to the net's input if missing. */
  readonly scales?: readonly number[];
  /** Whether posteriors of the mirror image are averaged in. Default true. */
  readonly flip?: boolean;
  /** int8 is used if it is close enough to fp32 on images of the data set. Default fp32. */
  readonly precision?: 'fp32' | 'int8';
  /** Applies the EXIF orientation. */
  readonly orient?: boolean;
  readonly extract?: Omit<ExtractOptions, 'out' | 'resume' | 'force' | 'onProgress'>;
  /** Allows testing nets on images that trained them. */
  readonly allowSeen?: boolean;
  readonly onProgress?: OnProgress;
  readonly onNotice?: (text: Message) => void;
}

const BLOCK = 512;

/** Training images, to calibrate int8 on. @throws UsageError if the data set has none on disk */
const trainingOf = (dataset: Dataset): readonly Item[] => {
  const items = dataset.splits['train'] ?? [];
  if (items.length > 0) return items;
  throw new UsageError(
    text`Expected training images in ${dataset.root} to calibrate ${option('precision')} int8 on but there are none. Give a calibration set with ${option('calibration')}: test images must not calibrate.`,
  );
};

/** Posteriors of each net, tested in each way, written to folders of their own. */
const extractPosteriors = async (
  options: IlsvrcOptions,
  items: readonly Item[],
  dataset: Dataset,
): Promise<PosteriorStore[]> => {
  const { backbones = [], out, scales, flip = true, precision, orient, extract, onProgress } = options;
  const { testing, crops, maxSide } = withDefaults(ilsvrcOptions, valuesOf(ilsvrcOptions, options));
  const ways: readonly Testing[] = testing === 'both' ? ['dense', 'multi-crop'] : [testing];
  const stores: PosteriorStore[] = [];
  for (const [net, backbone] of backbones.entries()) {
    for (const way of ways) {
      const folder = join(out, 'posteriors', `${net}-${way}`);
      const recipe: Partial<Recipe> = {
        ...(scales && { scales }),
        aggregate: 'average',
        flip,
        descriptorNorm: 'none',
        ...(precision && { precision }),
        ...(orient && { orient }),
        ...(way === 'dense'
          ? { layers: ['fc8:posterior', 'fc8:softmax'], region: 'image', maxSide }
          : { layers: ['fc8:posterior'], region: 'crops', crops, maxSide }),
      };
      await extractFeatures(items, [backbone], recipe, {
        ...extract,
        ...(precision === 'int8' && {
          int8: { ...extract?.int8, calibration: extract?.int8?.calibration ?? trainingOf(dataset) },
        }),
        out: folder,
        resume: true,
        ...(options.force !== undefined && { force: options.force }),
        ...(onProgress && { onProgress }),
      });
      stores.push({ folder, testing: way, net });
    }
  }
  return stores;
};

/** Posteriors that an earlier run wrote: nets are told apart by their checksums. */
const storesOf = async (folders: readonly string[]): Promise<PosteriorStore[]> => {
  const nets: string[] = [];
  const stores: PosteriorStore[] = [];
  for (const folder of folders) {
    const { nets: used, layers, recipe } = await openFeatures([folder]);
    if (!layers.includes('fc8:posterior') || recipe.descriptorNorm !== 'none' || used.length !== 1) {
      throw expected('posteriors of one net, written by `verydeep evaluate ilsvrc2012`', folder, layers);
    }
    const key = used[0]!.sha256;
    if (!nets.includes(key)) nets.push(key);
    stores.push({
      folder,
      net: nets.indexOf(key),
      testing: recipe.region === 'crops' ? 'multi-crop' : 'dense',
    });
  }
  return stores;
};

/** Refuses nets for other classes than the data set's. */
const requireSameClasses = async (backbones: readonly string[], dataset: Dataset): Promise<void> => {
  for (const path of backbones) {
    const { classes, architecture, boxes } = (await openBackbone(path, option('backbone'))).metadata;
    if (boxes) {
      throw expected(
        'a net of classes',
        option('backbone'),
        `${path}, which predicts boxes`,
        'Test it with ilsvrc2012-localisation.',
      );
    }
    const count = classes.length || architecture.outputs;
    if (count !== dataset.classes.length || classes.some((name, i) => name !== dataset.classes[i])) {
      throw new UsageError(
        `Expected a net for the ${dataset.classes.length} classes of ${dataset.root} (${dataset.classes[0]!}, …) in ${path} but it knows ${count} others.`,
      );
    }
  }
};

/** Images that were centre-cropped because their longest scaled side exceeds the limit. */
const limitedImages = async (stores: readonly PosteriorStore[]): Promise<string[]> => {
  const cut = new Set<string>();
  for (const { folder } of stores) {
    const store = await openFeatures([folder]);
    const { scales, maxSide } = store.recipe;
    if (maxSide === undefined) continue;
    const ratio = maxSide / Math.max(...scales);
    store.parts.forEach(({ ids, widths, heights }) =>
      ids.forEach((id, i) => {
        const [w, h] = [widths[i]!, heights[i]!];
        if (Math.max(w, h) > Math.floor(ratio * Math.min(w, h))) cut.add(id);
      }),
    );
  }
  return [...cut].sort();
};

/** Runs through all images in blocks: counts errors of every combination, writes predictions of the first. */
const score = async (
  combinations: readonly Combination[],
  items: readonly Item[],
  dataset: Dataset,
  stores: readonly PosteriorStore[],
  predictions: string,
): Promise<{ rows: ErrorRow[]; skipped: readonly Skipped[] }> => {
  const reader = await openPosteriors(stores);
  const sizes = new Map<string, { width: number; height: number }>();
  for (const part of (await openFeatures([stores[0]!.folder])).parts) {
    part.ids.forEach((id, i) => sizes.set(id, { width: part.widths[i]!, height: part.heights[i]! }));
  }
  const known = items.filter(({ id }) => reader.has(id));
  const index = new Map(dataset.classes.map((name, i) => [name, i]));
  const right = combinations.map(() => ({ top1: 0, top5: 0 }));
  const isLabelled = known.every(({ labels }) => labels.length === 1);
  await writeAtomically(predictions, async (file) => {
    await appendLines(file, [predictionHeader]);
    for (let begin = 0; begin < known.length; begin += BLOCK) {
      const block = known.slice(begin, begin + BLOCK);
      for (const [c, combination] of combinations.entries()) {
        const posteriors = await reader.read(combination, block);
        if (c === 0) {
          await appendLines(
            file,
            predictionLines(block, posteriors, dataset.classes, (id) => sizes.get(id)),
          );
        }
        if (!isLabelled) break;
        const truth = block.map(({ labels }) => index.get(labels[0]!)!);
        right[c]!.top1 += topK(posteriors, truth, 1) * block.length;
        right[c]!.top5 += topK(posteriors, truth, Math.min(5, reader.classes)) * block.length;
      }
    }
  });
  // An unreadable image counts as an error of the nets, as it ranks last in VOC.
  const error = (count: number) => 100 * (1 - count / items.length);
  const rows = isLabelled
    ? combinations.map(({ name }, c) => ({
        name,
        top1Error: error(right[c]!.top1),
        top5Error: error(right[c]!.top5),
      }))
    : [];
  return { rows, skipped: reader.skipped };
};

/**
 * Tests nets on ILSVRC-2012 and writes `results.json`, `report.html`, `predictions.csv` and the posteriors to `out`.
 * Posteriors can be given to a later run as `features`, to fuse nets without running them again.
 *
 * @throws UsageError naming the option or file at fault
 */
export const evaluateIlsvrc = async (given: IlsvrcOptions): Promise<IlsvrcResults> => {
  const backbones = await backboneFiles(given.backbones ?? []);
  const options: IlsvrcOptions = { ...given, backbones };
  const { data, features = [], out, onProgress } = options;
  checkOptions(ilsvrcOptions, { ...options });
  const { split } = withDefaults(ilsvrcOptions, valuesOf(ilsvrcOptions, options));
  if ((backbones.length === 0) === (features.length === 0)) {
    throw expected(
      'either weights or posteriors',
      text`${option('backbone')} or ${option('features')}`,
      backbones.length === 0 ? 'neither' : 'both',
      backbones.length === 0 ? BACKBONE_ADVICE : undefined,
    );
  }
  const dataset = await openDataset('imagenet', data, { ...(onProgress && { onProgress }) });
  const items = splitOf(dataset, split);
  await requireSameClasses(backbones, dataset);
  const early = backbones.length > 0 ? await seenByNets(backbones) : undefined;
  if (early && !options.allowSeen) await refuseSeenEarly([{ name: split, test: items }], early, onProgress);
  const work = {
    data: imagesAt(data, items),
    ...(backbones.length > 0 && { backbone: await contentsOf(backbones) }),
    ...(features.length > 0 && { features: features.join(', ') }),
    ...decisive(ilsvrcOptions, { ...options }),
    scales: options.scales,
    flip: options.flip ?? true,
    precision: options.precision ?? 'fp32',
    orient: options.orient,
  };
  const { resume = true, force } = options;
  const state = await claimFolder(out, 'evaluate ilsvrc2012', work, { resume, force });
  if (state === 'start') await removeResults(out, ['results.json', 'report.html', 'predictions.csv']);
  const stores =
    backbones.length > 0 ? await extractPosteriors(options, items, dataset) : await storesOf(features);
  const opened = await Promise.all(stores.map(({ folder }) => openFeatures([folder])));
  const nets = stores.flatMap(({ net }, i) =>
    stores.findIndex((s) => s.net === net) === i ? [opened[i]!.nets[0]!] : [],
  );
  const files = backbones.length > 0 ? [] : await Promise.all(opened.map((store) => store.weightFiles()));
  const said =
    early ??
    (await seenByNets(
      files.flat(),
      opened.flatMap((store) => store.nets.map((net) => net.sha256)),
    ));
  const stored = opened[0]!;
  const hashes = new Map(stored.ids.map((id, row) => [id, stored.sha256[row]!]));
  const tested = seenTest(items, said, (id) => hashes.get(id));
  if (!options.allowSeen) refuseSeen(split, items.length, tested);
  const combinations = combinationsOf(
    stores,
    nets.map(({ config }, i) =>
      nets.some((other, j) => j !== i && other.config === config) ? `${config} (${i + 1})` : config,
    ),
  );
  const { rows, skipped } = await score(combinations, items, dataset, stores, join(out, 'predictions.csv'));
  const limited = await limitedImages(stores);
  if (limited.length > 0) {
    options.onNotice?.(
      text`Warning: ${limited.length} long images were centre-cropped (${option('maxSide')}): ${limited.slice(0, 3).join(', ')}${limited.length > 3 ? ', …' : ''}`,
    );
  }
  const results: IlsvrcResults = {
    benchmark: 'ilsvrc2012',
    split,
    metric: 'top5Error',
    unit: '%',
    mean: rows[0]?.top5Error ?? null,
    rows,
    images: items.length,
    classes: dataset.classes.length,
    testing: [...new Set(stores.map(({ testing }) => testing))],
    nets: nets.map(({ config, sha256 }, net) => ({
      config,
      sha256,
      tests: stores.flatMap((store, i) => {
        const { scales, flip, precision } = opened[i]!.recipe;
        return store.net === net ? [{ testing: store.testing, scales, flip, precision }] : [];
      }),
    })),
    seen: { ...seenResult(said), ...(said.known === 'none' ? {} : { test: tested }) },
    published: publishedErrors,
    skipped,
    limited,
    files: { predictions: 'predictions.csv', posteriors: stores.map(({ folder }) => folder) },
  };
  await writeFileAtomically(join(out, 'report.html'), ilsvrcReport(results));
  await writeFileAtomically(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  return results;
};
