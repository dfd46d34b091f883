// Average precision from the files alone: a result file for the server, and the data set's list of labels.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const rowsOf = async (file: string): Promise<[string, string][]> =>
  (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/) as [string, string]);

/** All-points average precision of a class of VOC's classification on a split, in percent. */
export const apOfFile = async (
  data: string,
  out: string,
  name: string,
  { year = 2007, split = 'test' } = {},
): Promise<number> => {
  const folder = `VOCdevkit/VOC${year}/ImageSets/Main`;
  const labels = new Map(await rowsOf(join(data, folder, `${name}_${split}.txt`)));
  const results = await rowsOf(join(out, `results/VOC${year}/Main/comp2_cls_${split}_${name}.txt`));
  const ranked = results
    .sort(([, a], [, b]) => Number(b) - Number(a))
    .map(([id]) => labels.get(id))
    .filter((label) => label !== '0');
  const right = ranked.flatMap((label, i) => (label === '1' ? [i] : []));
  const precisions = right.map((at, i) => (i + 1) / (at + 1));
  const best = precisions.map((_, i) => Math.max(...precisions.slice(i)));
  return (100 * best.reduce((a, b) => a + b)) / best.length;
};
