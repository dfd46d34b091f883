// A benchmark from images to files: extracts what is missing, evaluates, writes results.json, results.csv and the report.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from '../../src/backbone/nets/architecture.js';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { BUILTIN, BUILTIN_NOTICE, backboneFiles } from '../../src/backbone/nets/builtin.js';
import { withParameter } from '../../src/classifiers/classifier.js';
import { expected, option, render, text } from '../../src/errors.js';
import { extractFeatures } from '../../src/features/pipeline/extract.js';
import { writeFileAtomically } from '../../src/io/files.js';
import { requireLabels } from '../../src/datasets/common.js';
import { noticesOf } from '../../src/datasets/remarks.js';
import { claimFolder, removeResults } from '../../src/io/work.js';
import type { Benchmark } from './benchmark.js';
import { calibrating, calibratedOnTest } from './calibration.js';
import { chanceOf } from './chance.js';
import { type Descriptors, dividedByNorm, openDescriptors } from './descriptors.js';
import { type Evaluation, datasetFor, evaluate, itemsFor, splitsOf } from './evaluate.js';
import { resolveBenchmark } from './given.js';
import { saveModels, weightFilesOf } from './models.js';
import { asksForOneClass, predictionsCsv } from './predictions.js';
import type { RunOptions } from './run-options.js';
import { reportOf } from '../report/report.js';
import {
  type Results,
  describeDescriptors,
  resultsCsv,
  splitResult,
  summary,
  wideningText,
} from './results.js';
import { type SeenByNets, refuseSeenEarly, seenByNets, seenResult } from './seen.js';
import { writeServerFiles } from './server-files.js';
import { machine, versions } from './versions.js';
import { workOfResults, workOfRun } from './work.js';

export type { RunOptions } from './run-options.js';

/** A clock that notes the seconds of each stage. */
const stages = () => {
  const seconds: Record<string, number> = {};
  const run = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    seconds[stage] = Number(((performance.now() - started) / 1000).toFixed(3));
    return result;
  };
  return { seconds, run };
};

/** What sets a net apart from the paper's of the same configuration. */
const shapeOf = (net: Architecture | undefined) =>
  net === undefined ? {} : { width: net.width, blocks: net.blocks, inputSize: net.inputSize };

/** The architectures of weight files; undefined of one that is not known. */
const architecturesOf = (files: readonly (string | undefined)[]): Promise<(Architecture | undefined)[]> =>
  Promise.all(
    files.map(async (file) =>
      file !== undefined && existsSync(file) ? (await openBackbone(file)).metadata.architecture : undefined,
    ),
  );

const document = (
  {
    benchmark,
    dataset,
    descriptors,
    protocol,
    images,
    skipped,
    outcomes,
    duplicates,
    seen,
    remarks,
  }: Evaluation,
  nets: SeenByNets,
  architectures: readonly (Architecture | undefined)[],
  options: RunOptions,
  seconds: Readonly<Record<string, number>>,
  files: Results['files'],
): Results => {
  const splits = outcomes.map((outcome, i) => splitResult(outcome, duplicates[i] ?? [], seen[i]));
  const widening = wideningText(splits);
  const scored = splits.filter(({ figures }) => figures[benchmark.metric] !== undefined);
  const { publishedOn } = benchmark;
  const elsewhere = publishedOn !== undefined && scored.some(({ name }) => name !== publishedOn);
  const model = outcomes[0]?.model;
  const isSvm = model?.classifier === undefined;
  const form = benchmark.protocol.kind === 'official splits' ? benchmark.protocol.form : undefined;
  return {
    benchmark: benchmark.name,
    title: benchmark.title,
    protocol,
    metric: benchmark.metric,
    unit: '%',
    ...summary(benchmark, splits),
    splits,
    chance: chanceOf(outcomes, form),
    published: benchmark.published,
    ...(elsewhere ? { publishedOn } : {}),
    seen: seenResult(nets, descriptors.nets),
    remarks: [...remarks.map((remark) => render(remark)), ...(widening ? [widening] : [])],
    notes: benchmark.notes,
    classes: outcomes[0]?.classes ?? dataset.classes,
    images,
    skipped,
    strays: dataset.strays.length,
    descriptors: describeDescriptors(descriptors),
    backbones: descriptors.nets.map(({ sha256, config, kind }, i) => ({
      sha256,
      config,
      ...(kind === undefined ? {} : { kind }),
      ...(options.backbones[i] === undefined ? {} : { path: options.backbones[i] }),
      ...shapeOf(architectures[i]),
    })),
    svm: {
      ...(model?.classifier && { classifier: model.classifier }),
      loss: model?.loss,
      bias: model?.bias,
      solver: model?.solver,
      classWeights: options.svm?.classWeight ?? (isSvm ? benchmark.svm?.classWeight : undefined),
      ...(benchmark.norm === undefined ? {} : { descriptors: `divided by norm + ${benchmark.norm}` }),
    },
    seed: options.seed,
    files,
    run: {
      command: options.command,
      date: new Date().toISOString(),
      machine: machine(),
      versions: versions(),
      seconds: { ...seconds, ...Object.fromEntries(outcomes.map((one) => [one.name, one.seconds])) },
    },
  };
};

/** Files and folders of results, which a forced run replaces; descriptors are kept where they fit. */
const RESULTS = ['results.json', 'results.csv', 'predictions.csv', 'report.html', 'models', 'results', 'svm'];

/**
 * Runs a benchmark start to end. Descriptors that lie in `out` already are reused, missing ones are made; SVMs that an
 * interrupted run solved lie in `out/svm` and are not solved again. The results are those of an undisturbed run.
 *
 * @throws UsageError naming the option or file at fault, or the option that differs from those of results in `out`
 */
export const runBenchmark = async (asked: Benchmark, given: RunOptions): Promise<Results> => {
  const { data, open, features, layer, out, recipe, extract, onProgress, onNotice } = given;
  if (given.backbones.length > 0 && features.length > 0) {
    throw expected(
      'either weights or descriptors',
      text`${option('backbone')} or ${option('features')}`,
      'both',
    );
  }
  const isBuiltin = given.backbones.length === 0 && features.length === 0;
  if (isBuiltin) onNotice?.(BUILTIN_NOTICE);
  const backbones = await backboneFiles(isBuiltin ? [BUILTIN] : given.backbones);
  const options: RunOptions = { ...given, backbones };
  const isSvm = (options.svm?.classifier ?? 'svm') === 'svm';
  withParameter(options.svm ?? {}); // Refuses what has no meaning before any work.
  const { seconds, run } = stages();
  const checkpoint = join(out, 'svm');
  let descriptors: Descriptors | undefined =
    features.length > 0 ? await openDescriptors(features, layer) : undefined;
  const opened = await run('read', () => datasetFor(asked, data, open, descriptors));
  requireLabels(opened);
  const { benchmark, dataset, remarks } = resolveBenchmark(asked, opened, options);
  for (const remark of [...noticesOf(dataset), ...remarks]) onNotice?.(remark);
  // Usage errors, and too few images for a draw, are reported before hours of extraction.
  const items = itemsFor(benchmark, dataset);
  const there = descriptors;
  const splits = splitsOf(benchmark, dataset, options, ({ id }) => there?.has(id) ?? true);
  const files = descriptors ? await weightFilesOf(descriptors, []) : backbones;
  const nets = await seenByNets(
    files,
    descriptors?.nets.map((net) => net.sha256),
  );
  const work = await workOfRun(benchmark, items, options, descriptors?.hash);
  const { resume = true, force } = options;
  const permission = { resume, force };
  const made = join(out, 'features');
  const state = await claimFolder(out, `evaluate ${asked.name}`, work, permission, {
    known: async () => {
      const before = await workOfResults(out);
      return before && { ...work, ...before };
    },
    ...(existsSync(made) && {
      advice: text`Give the same options, or another ${option('out')}, where ${option('features')} ${made} uses its descriptors again`,
    }),
  });
  if (state === 'start') await removeResults(out, [...RESULTS, `${benchmark.name}-results.tar.gz`]);
  if (!descriptors && !options.allowSeen) await refuseSeenEarly(splits, nets, onProgress);
  descriptors ??= await run('extract', async () => {
    const folder = join(out, 'features');
    await extractFeatures(
      items,
      backbones,
      { ...benchmark.recipe, ...recipe },
      {
        ...extract,
        ...(recipe.precision === 'int8'
          ? { int8: { ...extract?.int8, calibration: extract?.int8?.calibration ?? calibrating(splits) } }
          : {}),
        out: folder,
        resume: true,
        ...(force !== undefined && { force }),
        ...(onProgress ? { onProgress } : {}),
      },
    );
    return openDescriptors([folder], layer);
  });
  const ready = benchmark.norm === undefined ? descriptors : dividedByNorm(descriptors, benchmark.norm);
  const evaluation = await run('evaluate', () =>
    evaluate(
      benchmark,
      dataset,
      ready,
      { ...options, svm: { ...(isSvm ? benchmark.svm : {}), ...options.svm, checkpoint } },
      nets,
    ),
  );
  const calibrated = calibratedOnTest(descriptors, splits, evaluation.outcomes);
  const told = { ...evaluation, remarks: [...remarks, ...evaluation.remarks, ...calibrated] };
  for (const remark of [...evaluation.remarks, ...calibrated]) onNotice?.(remark);
  const { protocol } = benchmark;
  const written =
    protocol.kind === 'official splits' && protocol.server
      ? await writeServerFiles(out, benchmark.name, evaluation.outcomes, protocol.server)
      : undefined;
  const models = options.saveModels
    ? await saveModels(out, evaluation.outcomes, descriptors, backbones, benchmark.norm)
    : undefined;
  const predictions = asksForOneClass(benchmark) ? predictionsCsv(evaluation.outcomes) : undefined;
  const results = document(told, nets, await architecturesOf(files), options, seconds, {
    results: ['results.json', 'results.csv'],
    report: ['report.html'],
    ...(predictions ? { predictions: ['predictions.csv'] } : {}),
    ...(models ? { models } : {}),
    ...(written ? { scores: written.files, server: written.archives } : {}),
  });
  const report = await run('report', () => reportOf(results, evaluation));
  await writeFileAtomically(join(out, 'report.html'), report);
  await writeFileAtomically(join(out, 'results.csv'), resultsCsv(results));
  if (predictions) await writeFileAtomically(join(out, 'predictions.csv'), predictions);
  await writeFileAtomically(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  await rm(checkpoint, { recursive: true, force: true });
  return results;
};
