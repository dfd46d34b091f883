// Ours beside what others reported: the table that a benchmark ends with.
import type { Html } from '../../src/evaluation/report/html.js';
import { table } from '../../src/evaluation/report/table.js';
import { metricTitles } from '../protocol/benchmark.js';
import { type Results, scoredSplits } from '../protocol/results.js';
import { percent, plusMinus } from './figures.js';

/** One row of the table. */
export interface ComparisonRow {
  readonly method: string;
  readonly figure: string;
  readonly value: number | undefined;
  readonly note: string;
  readonly ours: boolean;
}

/** Our own name in the table: the nets. */
const methodOf = ({ backbones }: Pick<Results, 'backbones'>): string =>
  backbones.length === 0 ? 'this run' : `this run, net ${backbones.map(({ config }) => config).join(' & ')}`;

/** Ours after the published figures. */
export const comparisonRows = (
  results: Pick<Results, 'mean' | 'std' | 'splits' | 'metric' | 'published' | 'backbones'>,
): ComparisonRow[] => [
  ...results.published.map(({ method, mean, std, note = '' }) => ({
    method,
    figure: plusMinus(mean, std, std !== undefined),
    value: mean,
    note,
    ours: false,
  })),
  {
    method: methodOf(results),
    figure: plusMinus(results.mean, results.std, scoredSplits(results) > 1),
    value: results.mean ?? undefined,
    note: '',
    ours: true,
  },
];

/** The table as HTML. */
export const comparison = (results: Results): Html => {
  const metric = metricTitles[results.metric] ?? results.metric;
  return table({
    caption: `${metric} on ${results.title}, percent`,
    columns: [
      { title: 'Method', value: ({ method }) => method },
      { title: metric, value: ({ figure }) => figure, sortBy: ({ value }) => value, numeric: true },
      { title: 'Remark', value: ({ note }) => note },
    ],
    rows: comparisonRows(results),
    ours: ({ ours }) => ours,
  });
};

/** Each split's figures. */
export const splitTable = ({ splits }: Results): Html => {
  const names = [...new Set(splits.flatMap(({ figures }) => Object.keys(figures)))];
  return table({
    caption: 'Each split, percent',
    columns: [
      { title: 'Split', value: ({ name }) => name },
      { title: 'Training images', value: ({ train }) => train },
      { title: 'Test images', value: ({ test }) => test },
      ...names.map((name) => ({
        title: metricTitles[name] ?? name,
        value: ({ figures }: Results['splits'][number]) => figures[name] ?? NaN,
        digits: 1,
      })),
      {
        title: '95 % bootstrap interval',
        value: ({ interval }) => (interval ? `${percent(interval.low)} to ${percent(interval.high)}` : '–'),
        sortBy: ({ interval }) => interval?.low,
        numeric: true,
      },
      { title: 'C', value: ({ C }) => (typeof C === 'number' ? C : 'one a class') },
    ],
    rows: splits,
  });
};
