// Fine-tuning against frozen descriptors: the trained net is trained further on the few training drawings of
// each split.
import { join } from 'node:path';
import { csvLines } from '../../src/formats/csv.js';
import { readFolder } from '../../src/datasets/folder.js';
import { splitOf } from '../../src/datasets/open.js';
import type { Split } from '../../src/datasets/splits.js';
import { confusionMatrix, meanClassRecall } from '../../src/evaluation/confusion.js';
import { argmax } from '../../src/evaluation/ranking.js';
import { mean, standardDeviation } from '../../src/evaluation/statistics.js';
import { writeFileAtomically } from '../../src/io/files.js';
import { rowOf } from '../../src/matrix.js';
import { drawSplit } from '../protocol/caltech.js';
import { openDescriptors } from '../protocol/descriptors.js';
import { verydeep } from '../command.js';
import type { ResultRow } from './results.js';
import { fineTuningFlags, protocols, scales } from './settings.js';

/** A table of the training images with their labels, as `verydeep train csv` reads it. */
const tableOf = ({ train }: Split): string =>
  csvLines([['path', 'label'], ...train.map(({ source, labels }) => [source.file, labels[0]!])]);

/** Mean class recall of the most likely class, in percent. */
const recallOf = async (posteriors: string, { test }: Split, classes: readonly string[]): Promise<number> => {
  const scores = await (await openDescriptors([posteriors], 'fc8:posterior')).read(test);
  const truth = test.map(({ labels }) => classes.indexOf(labels[0]!));
  const predicted = Int32Array.from(test, (_, row) => argmax(rowOf(scores, row)));
  return 100 * meanClassRecall(confusionMatrix(truth, predicted, classes.length));
};

/**
 * Fine-tunes a net on the training drawings of each split of the concepts and tests it on the others: the splits, the
 * drawings and the scale are those of the row "trained net, one scale", the classifier is the net's own last layer.
 *
 * @param images the demo's folder of images
 * @param out a folder for nets and posteriors
 */
export const fineTune = async (
  images: string,
  backbone: string,
  seed: number,
  out: string,
): Promise<ResultRow> => {
  const { folder, splits, trainPerClass } = protocols.concepts;
  const data = join(images, folder);
  const items = splitOf(await readFolder(data), 'all');
  const classes = [...new Set(items.map(({ labels }) => labels[0]!))].sort((a, b) => (a < b ? -1 : 1));
  const recalls: number[] = [];
  for (let index = 0; index < splits; index++) {
    const split = drawSplit(items, { splits, trainPerClass, validationShare: 0.2, seed }, index);
    const table = join(out, `split-${index + 1}.csv`);
    const net = join(out, `net-${index + 1}`);
    await writeFileAtomically(table, tableOf(split));
    await verydeep(
      ...['train', 'csv', '--data', table, '--validation', '0', '--init-from', backbone, '--classes', 'new'],
      ...fineTuningFlags,
      ...['--seed', String(seed), '--out', net],
    );
    const posteriors = join(out, `posteriors-${index + 1}`);
    await verydeep(
      ...['extract', 'folder', '--data', data, '--backbone', join(net, 'backbone.safetensors')],
      ...['--layer', 'fc8:posterior', '--descriptor-norm', 'none', '--scales', scales.single.join(',')],
      ...['--out', posteriors],
    );
    recalls.push(await recallOf(posteriors, split, classes));
  }
  return {
    name: 'fine-tuned',
    title: 'trained net, fine-tuned',
    meanClassRecall: mean(recalls),
    std: standardDeviation(recalls),
  };
};
