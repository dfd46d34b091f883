// The options that make the results of a benchmark what they are, for the record in their folder.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { svmOptions } from '../../src/classifiers/options.js';
import type { Item } from '../../src/datasets/dataset.js';
import { sha256OfFile } from '../../src/io/files.js';
import { type Content, type Work, hashOfImages } from '../../src/io/work.js';
import { decisive } from '../../src/options.js';
import type { Benchmark } from './benchmark.js';
import { numbersOf } from './evaluate.js';
import type { Results } from './results.js';
import type { RunOptions } from './run-options.js';

/** Files by their content. */
export const contentsOf = async (files: readonly string[]): Promise<Content> => ({
  is: (await Promise.all(files.map(sha256OfFile))).join(' '),
  shown: files.join(', '),
});

/** The images of a data set by their names and labels. */
export const imagesAt = (path: string, items: readonly Item[]): Content => ({
  is: hashOfImages(items),
  shown: resolve(path),
});

/**
 * The work of a run.
 *
 * @param hash the descriptors', where they are given
 */
export const workOfRun = async (
  benchmark: Benchmark,
  items: readonly Item[],
  options: RunOptions,
  hash: string | undefined,
): Promise<Work> => {
  const { backbones, features, recipe, extract, open, svm = {}, bootstrap } = options;
  const { name, layers, ...own } = recipe;
  const { protocol } = benchmark;
  const calibration = extract?.int8?.calibration;
  return {
    ...(backbones.length > 0 && { backbone: await contentsOf(backbones) }),
    ...(options.data !== undefined && { data: imagesAt(options.data, items) }),
    ...(hash !== undefined && {
      features: { is: `${hash} ${hashOfImages(items)}`, shown: features.join(', ') },
    }),
    recipe: name,
    layer: options.layer ?? layers?.join(','),
    ...own,
    ...(calibration && { calibration: { is: hashOfImages(calibration), shown: 'images of a folder' } }),
    ...(protocol.kind === 'random splits' && splitNumbers(numbersOf(protocol, options))),
    classLevel: options.classLevel,
    keepTogether: options.keepTogether,
    testOn: options.testOn,
    background: open?.background ?? true,
    ...open?.csv,
    ...(protocol.kind === 'official splits' && {
      protocol: protocol.folds === undefined ? 'paper' : 'vissl',
    }),
    ...decisive(svmOptions, { ...svm }),
    resamples: bootstrap?.resamples,
    seed: options.seed,
  };
};

const splitNumbers = ({ splits, trainPerClass, testPerClass }: ReturnType<typeof numbersOf>): Work => ({
  splits,
  trainPerClass,
  testPerClass,
});

/** What results of an earlier version, without a record, tell of their work; undefined if there are none. */
export const workOfResults = async (out: string): Promise<Work | undefined> => {
  try {
    const { protocol, seed } = JSON.parse(
      await readFile(join(out, 'results.json'), 'utf8'),
    ) as Partial<Results>;
    if (protocol === undefined) return undefined;
    const { splits, trainPerClass, testPerClass, classLevel, keepTogether } = protocol;
    return { splits, trainPerClass, testPerClass, classLevel, keepTogether, seed };
  } catch {
    return undefined;
  }
};
