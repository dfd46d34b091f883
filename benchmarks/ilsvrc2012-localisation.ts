// ILSVRC's localisation as the paper tests it (appendix A): the box of the true class, and five guesses from the whole image.
import { join } from 'node:path';
import { Localiser, trainedSide } from '../src/backbone/boxes/localiser.js';
import { locate } from '../src/backbone/boxes/located.js';
import { BACKBONE_ADVICE, type Backbone, openBackbone } from '../src/backbone/nets/backbone.js';
import { backboneFiles } from '../src/backbone/nets/builtin.js';
import { type CsvOptions } from '../src/datasets/csv.js';
import type { Dataset, Item } from '../src/datasets/dataset.js';
import { openDataset, splitOf } from '../src/datasets/open.js';
import { useEngine } from '../src/engine/engine.js';
import type { EngineOptions } from '../src/engine/options.js';
import { UsageError, expected, option, text } from '../src/errors.js';
import { sha256OfFile, writeFileAtomically } from '../src/io/files.js';
import { claimFolder, removeResults } from '../src/io/work.js';
import { type OptionsOf, checkOptions, decisive, valuesOf, withDefaults } from '../src/options.js';
import type { OnProgress } from '../src/progress.js';
import {
  type Combination,
  type ImageGuesses,
  boxOfRow,
  readGuesses,
  writeGuesses,
} from './localisation/guesses.js';
import { localisationOptions } from './localisation/options.js';
import { publishedBoxErrors } from './localisation/published.js';
import { type Picture, localisationReport } from './localisation/report.js';
import type { LocalisationResults, Shown } from './localisation/results.js';
import { scoreGuesses, testedOf } from './localisation/score.js';
import { trivialAnswers } from './localisation/trivial.js';
import { refuseSeen, refuseSeenEarly, seenByNets, seenResult, seenTest } from './protocol/seen.js';
import { contentsOf, imagesAt } from './protocol/work.js';

/** What nets are tested on, and how; the table of options has the defaults. */
export interface LocalisationOptions extends Partial<OptionsOf<typeof localisationOptions>> {
  readonly data: string;
  readonly csv?: CsvOptions;
  /** Default val. */
  readonly split?: string;
  /** Files of nets of boxes. */
  readonly backbones: readonly string[];
  readonly out: string;
  /** Continue a run of the same options in `out`. Default true. */
  readonly resume?: boolean;
  readonly force?: boolean;
  /** Smallest sides Q of full testing; each net's own S if missing. */
  readonly scales?: readonly number[];
  /** Whether the mirror image is searched too. Default true. */
  readonly flip?: boolean;
  readonly allowSeen?: boolean;
  readonly engine?: EngineOptions;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Each net at each scale, each at all of its scales, and all. */
const combinationsOf = (names: readonly string[], scales: readonly (readonly number[])[]): Combination[] => {
  const all = scales.flatMap((own, net) => own.map((_, s) => [net, s] as const));
  const combinations: Combination[] = [];
  if (names.length > 1) combinations.push({ name: 'all nets', parts: all });
  names.forEach((name, net) => {
    const own = all.filter(([n]) => n === net);
    combinations.push({ name: `${name}, Q ${scales[net]!.join(', ')}`, parts: own });
    if (own.length > 1)
      for (const part of own)
        combinations.push({ name: `${name}, Q ${scales[net]![part[1]]!}`, parts: [part] });
  });
  return combinations;
};

/** Names that tell nets apart. */
const namesOf = (nets: readonly Backbone[]): string[] => {
  const short = nets.map(({ metadata: { architecture, boxes } }, i) => [
    `${architecture.config} ${boxes!.regression.toUpperCase()} S ${trainedSide(nets[i]!)}`,
  ]);
  const names = short.map(([name]) => name!);
  return names.map((name, i) =>
    names.some((other, j) => j !== i && other === name) ? `${name} (${i + 1})` : name,
  );
};

/** The data set, with classes in the nets' order. @throws UsageError if they are others */
const openFor = async (options: LocalisationOptions, kind: string, first: Backbone): Promise<Dataset> => {
  const dataset = await openDataset(kind, options.data, {
    boxes: true,
    ...(options.csv && { csv: options.csv }),
    ...(options.onProgress && { onProgress: options.onProgress }),
    ...(options.signal && { signal: options.signal }),
  });
  const known = new Set(first.metadata.classes);
  const other = dataset.classes.find((name) => !known.has(name));
  if (other !== undefined || known.size !== dataset.classes.length) {
    throw new UsageError(
      `Expected a net for the ${dataset.classes.length} classes of ${dataset.root} (${other ?? dataset.classes[0]!}, …) in ${first.path} but it knows ${known.size} others.`,
    );
  }
  return dataset;
};

/** The images that the report shows, with their boxes. */
const picturesOf = async (
  file: string,
  tested: ReturnType<typeof testedOf>,
  shown: readonly Shown[],
): Promise<Picture[]> => {
  const lines = new Map<string, ImageGuesses>();
  const wanted = new Set(shown.map(({ id }) => id));
  for await (const line of readGuesses(file)) {
    if (wanted.has(line.id) && !('reason' in line)) lines.set(line.id, line);
  }
  return shown.flatMap((one): Picture[] => {
    const line = lines.get(one.id)!;
    const row = line.central?.[0]?.[one.label] ?? line.full?.[0]?.own[one.label];
    const { item, truth } = tested.get(one.id)!;
    return row
      ? [
          {
            ...{ ...one, item, predicted: { label: one.label, box: boxOfRow(row) } },
            truth: truth.filter(({ label }) => label === one.label),
          },
        ]
      : [];
  });
};

/** What both kinds of nets have seen, refused if it is what they are tested on. */
const checkSeen = async (
  options: LocalisationOptions,
  split: string,
  items: readonly Item[],
  files: readonly string[],
): Promise<LocalisationResults['seen']> => {
  const said = await seenByNets(files);
  if (said.known === 'none') return seenResult(said);
  if (!options.allowSeen) await refuseSeenEarly([{ name: split, test: items }], said, options.onProgress);
  const hashes = new Map<string, string>();
  for (const { id, source } of items)
    if (!source.slice) hashes.set(id, await sha256OfFile(source.file).catch(() => ''));
  const test = seenTest(items, said, (id) => hashes.get(id));
  if (!options.allowSeen) refuseSeen(split, items.length, test);
  return { ...seenResult(said), test };
};

/**
 * Tests nets of boxes and writes `results.json`, `report.html`, `guesses.jsonl` and, for full testing, `predictions.csv` to
 * `out`.
 *
 * @throws UsageError naming the option or file at fault
 */
export const evaluateLocalisation = async (options: LocalisationOptions): Promise<LocalisationResults> => {
  const { data, backbones, out, split = 'val', flip = true, resume = true, force } = options;
  checkOptions(localisationOptions, { ...options });
  const {
    dataset: kind,
    classNet: rating = [],
    boxTesting,
    mergeThreshold,
  } = withDefaults(localisationOptions, valuesOf(localisationOptions, options));
  const classNet = await backboneFiles(rating);
  if (backbones.length === 0)
    throw expected(
      'nets of boxes',
      option('backbone'),
      'none',
      text`\`verydeep train\` with ${option('task')} localisation trains one. ${BACKBONE_ADVICE}`,
    );
  const isFull = boxTesting !== 'simplified';
  if (isFull && classNet.length === 0) {
    throw expected(
      'a net of classes that rates the boxes',
      option('classNet'),
      'none',
      text`Or give ${option('boxTesting')} simplified, which needs none.`,
    );
  }
  const nets: Backbone[] = [];
  for (const file of backbones) nets.push(await openBackbone(file, option('backbone')));
  const classifiers: Backbone[] = [];
  for (const file of classNet) classifiers.push(await openBackbone(file, option('classNet')));
  const scales = nets.map((net) => options.scales ?? [trainedSide(net)]);
  for (const [i, own] of scales.entries()) {
    const { inputSize } = nets[i]!.metadata.architecture;
    const small = own.find((side) => side < inputSize);
    if (small !== undefined)
      throw expected(`sides of at least the input size ${inputSize}`, option('scales'), small);
  }
  const engine = await useEngine(options.engine ?? {});
  let localiser: Localiser | undefined;
  try {
    localiser = await Localiser.open(engine.tf, nets, isFull ? classifiers : []);
    const opened = await openFor(options, kind, nets[0]!);
    const all = splitOf(opened, split);
    const { located, counts } = await locate(all, options.signal);
    const tested = testedOf(located);
    // Without any label they are predicted; else those without a box are left out.
    const items = all.some(({ labels }) => labels.length > 0)
      ? all.filter(({ id, boxes }) => boxes !== undefined || tested.has(id))
      : all;
    const seen = await checkSeen(options, split, items, [...backbones, ...classNet]);
    const work = {
      data: imagesAt(data, items),
      backbone: await contentsOf(backbones),
      ...decisive(localisationOptions, { ...options, classNet: undefined }),
      ...(classNet.length > 0 && { classNet: await contentsOf(classNet) }),
      ...{ split, scales: options.scales, flip },
    };
    const state = await claimFolder(out, 'evaluate ilsvrc2012-localisation', work, { resume, force });
    const names = ['results.json', 'report.html', 'predictions.csv', 'guesses.jsonl'];
    if (state === 'start') await removeResults(out, names);
    const netNames = namesOf(nets);
    const combinations = isFull ? combinationsOf(netNames, scales) : [];
    const file = join(out, 'guesses.jsonl');
    await writeGuesses(
      file,
      localiser,
      items,
      { scales, flip, mergeThreshold, simplified: boxTesting !== 'full', combinations },
      options,
    );
    const trainItems = split === 'train' ? [] : (opened.splits['train'] ?? []);
    const trivial = trivialAnswers((await locate(trainItems, options.signal)).located);
    const scores = await scoreGuesses(file, tested, {
      ...{ nets: boxTesting === 'full' ? [] : netNames, combinations, trivial, items },
      predictions: isFull ? join(out, 'predictions.csv') : undefined,
    });
    const { simplified, full } = scores;
    const results: LocalisationResults = {
      ...{ benchmark: 'ilsvrc2012-localisation', split },
      metric: isFull ? 'top5Error' : 'error',
      unit: '%',
      mean: (full[0]?.top5Error ?? simplified[0]?.error)?.value ?? null,
      ...{ images: items.length, classes: opened.classes.length, boxes: counts, simplified, full },
      iouHistogram: scores.iouHistogram,
      nets: await Promise.all(
        nets.map(async (net, i) => ({
          ...{ file: net.path, sha256: await net.sha256(), config: net.metadata.architecture.config },
          ...{ regression: net.metadata.boxes!.regression, trainedSide: trainedSide(net) },
          scales: isFull ? scales[i]! : [],
        })),
      ),
      classifiers: await Promise.all(
        classifiers.map(async (net) => ({ file: net.path, sha256: await net.sha256() })),
      ),
      ...{ flip, mergeThreshold, seen, published: publishedBoxErrors, skipped: scores.skipped },
      files: { guesses: 'guesses.jsonl', ...(isFull && { predictions: 'predictions.csv' }) },
    };
    const shown = {
      best: await picturesOf(file, tested, scores.shown.best),
      worst: await picturesOf(file, tested, scores.shown.worst),
    };
    await writeFileAtomically(join(out, 'report.html'), await localisationReport(results, shown));
    await writeFileAtomically(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
    return results;
  } finally {
    localiser?.close();
    engine.close();
  }
};
