// The report of ILSVRC-2012: our errors beside the paper's tables 3 to 7.
import { facts } from '../../src/evaluation/report/facts.js';
import { page } from '../../src/evaluation/report/page.js';
import { table } from '../../src/evaluation/report/table.js';
import { seenText } from '../protocol/seen.js';
import type { PublishedErrors } from './published.js';
import { type IlsvrcResults, type TestedNet, chanceRow } from './results.js';

/** A net and how it was tested: its own scales, where several are fused. */
const netText = ({ config, sha256, tests }: TestedNet): string =>
  `${config} ${sha256.slice(0, 12)}, ${tests
    .map(
      ({ testing, scales, flip, precision }) =>
        `${testing} at Q ${scales.join(', ')}${flip ? ' and mirrored' : ''}${precision === 'int8' ? ' in int8' : ''}`,
    )
    .join(' and ')}`;

const titles: Readonly<Record<PublishedErrors['table'], string>> = {
  3: 'Table 3: one test scale',
  4: 'Table 4: several test scales',
  5: 'Table 5: ways of testing',
  6: 'Table 6: nets fused',
  7: 'Table 7: the state of the art',
};

const published = (results: IlsvrcResults, number: PublishedErrors['table']) => ({
  title: titles[number],
  body: table({
    caption:
      'Reported by the paper: errors on the validation set, and the top-5 error on the test set, percent',
    rows: results.published.filter((row) => row.table === number),
    columns: [
      { title: 'Method', value: ({ method }) => method },
      { title: 'S in training', value: ({ train = '' }) => train },
      { title: 'Q in testing', value: ({ test = '' }) => test },
      { title: 'Top-1', value: ({ top1 = NaN }) => top1, digits: 1 },
      { title: 'Top-5', value: ({ top5 = NaN }) => top5, digits: 1 },
      { title: 'Top-5, test set', value: ({ testTop5 = NaN }) => testTop5, digits: 1 },
    ],
  }),
});

/** The report as HTML. */
export const ilsvrcReport = (results: IlsvrcResults): string => {
  const [first] = results.rows;
  return page({
    title: 'ILSVRC-2012 classification',
    summary: first
      ? `${first.name}: top-1 error ${first.top1Error.toFixed(1)} %, top-5 error ${first.top5Error.toFixed(1)} % on ${results.images} images.`
      : `Predictions for ${results.images} images whose labels are not public.`,
    sections: [
      ...(first
        ? [
            {
              title: 'Results',
              body: table({
                caption: 'Errors of this run, percent',
                rows: [...results.rows, chanceRow(results.classes)],
                columns: [
                  { title: 'Nets and way of testing', value: ({ name }) => name },
                  { title: 'Top-1', value: ({ top1Error }) => top1Error, digits: 1 },
                  { title: 'Top-5', value: ({ top5Error }) => top5Error, digits: 1 },
                ],
              }),
            },
          ]
        : []),
      ...([3, 4, 5, 6, 7] as const).map((number) => published(results, number)),
      {
        title: 'How',
        body: facts({
          Split: results.split,
          Images: results.images,
          'Could not be read, and count as errors': results.skipped.length,
          Classes: results.classes,
          'Only the middle used': results.limited.length,
          Nets: results.nets.map(netText).join('; '),
          'Trained on test images': seenText(results.seen, [
            { test: results.images, seen: results.seen.test },
          ]),
          Dense:
            'class scores averaged over positions, then soft-max; "soft-max first": soft-max at each position, then averaged',
        }),
      },
    ],
  });
};
