// Some test images with their scores: the first split of the concepts, classified as `verydeep evaluate` does.
import { readFolder } from '../../src/datasets/folder.js';
import { splitOf } from '../../src/datasets/open.js';
import { rowOf } from '../../src/matrix.js';
import { Random } from '../../src/random.js';
import { evaluateSplit } from '../protocol/caltech.js';
import { openDescriptors } from '../protocol/descriptors.js';
import { protocols } from './settings.js';

/** A class and its SVM's decision value. */
export interface Score {
  readonly name: string;
  readonly score: number;
}

/** A test image, its true class and its predicted class. */
export interface Sample {
  /** Absolute path. */
  readonly file: string;
  /** Relative to the image folder. */
  readonly path: string;
  readonly truth: string;
  /** The best classes, the best first. */
  readonly scores: readonly Score[];
  readonly right: boolean;
}

const SHOWN_SCORES = 3;

const best = (classes: readonly string[], scores: Float32Array): Score[] =>
  classes
    .map((name, c) => ({ name, score: scores[c]! }))
    .sort((a, b) => b.score - a.score)
    .slice(0, SHOWN_SCORES);

/**
 * Classifies the test images of the first split and draws `count` of them at random, correctly classified
 * ones first.
 *
 * @param data the image folder of the concepts
 * @param features descriptors of its images
 */
export const drawSamples = async (
  data: string,
  features: string,
  { count, seed }: { count: number; seed: number },
): Promise<Sample[]> => {
  const items = splitOf(await readFolder(data), 'all');
  const { splits, trainPerClass } = protocols.concepts;
  const protocol = { splits, trainPerClass, validationShare: 0.2, seed };
  const { test, classes, scores } = await evaluateSplit(
    items,
    await openDescriptors([features]),
    protocol,
    0,
  );
  const all = test.map((item, row): Sample => {
    const ranked = best(classes, rowOf(scores, row));
    const truth = item.labels[0]!;
    return {
      file: item.source.file,
      path: item.path,
      truth,
      scores: ranked,
      right: ranked[0]?.name === truth,
    };
  });
  const drawn = new Random(seed, 'samples').shuffle(all).slice(0, count);
  return [...drawn.filter(({ right }) => right), ...drawn.filter(({ right }) => !right)];
};
