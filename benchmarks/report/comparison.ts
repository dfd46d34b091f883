// Our figures beside published ones: the final table of a benchmark.
import type { Html } from '../../src/evaluation/report/html.js';
import { table } from '../../src/evaluation/report/table.js';
import { metricTitles } from '../protocol/benchmark.js';
import { type Results, parameterOfResults, scoredSplits } from '../protocol/results.js';
import { percent, plusMinus } from './figures.js';

/** One row of the table. */
interface ComparisonRow {
  readonly method: string;
  readonly figure: string;
  readonly value: number | undefined;
  readonly note: string;
  readonly ours: boolean;
}

/** A net by its configuration, and what sets it apart from the paper's of that name, where that is known. */
const netOf = ({ config, width = 1, blocks = 5, inputSize = 224 }: Results['backbones'][number]): string => {
  const apart = [
    ...(width === 1 ? [] : [`width ${Number(width.toPrecision(3))}`]),
    ...(blocks === 5 ? [] : [`${blocks} blocks`]),
    ...(inputSize === 224 ? [] : [`input ${inputSize}`]),
  ];
  return apart.length === 0 ? config : `${config} (${apart.join(', ')})`;
};

/** Our own name in the table: the layer and the nets. */
const methodOf = ({ backbones, descriptors }: Pick<Results, 'backbones' | 'descriptors'>): string => {
  const layer = `this run, ${descriptors.layer}`;
  if (!isForeign(backbones)) {
    return backbones.length === 0 ? layer : `${layer} of net ${backbones.map(netOf).join(' & ')}`;
  }
  const names = backbones.map((net) => (net.kind === undefined ? `net ${netOf(net)}` : net.config));
  const imported = backbones.some(({ kind }) => kind === 'imported');
  return `${layer} of ${names.join(' & ')}${imported ? ' (imported)' : ''}`;
};

/** Whether descriptors of other nets than the paper's are among these. */
const isForeign = (backbones: Results['backbones']): boolean =>
  backbones.some(({ kind }) => kind !== undefined);

/** What a published figure is, beside one of other nets. */
const PUBLISHED = 'published: their own nets and recipe';

/** The splits that were scored. */
const scoredNames = ({ splits, metric }: Pick<Results, 'splits' | 'metric'>): string =>
  splits
    .filter(({ figures }) => figures[metric] !== undefined)
    .map(({ name }) => name)
    .join(', ');

/** What guessing gives, where something was scored. */
const chanceRows = ({ chance = {}, metric }: Partial<Pick<Results, 'chance'>> & Pick<Results, 'metric'>) => {
  const value = chance[metric];
  return value === undefined
    ? []
    : [{ method: 'chance', figure: percent(value), value, note: '', ours: false }];
};

/** Chance, the published figures, ours. */
export const comparisonRows = (
  results: Pick<
    Results,
    'mean' | 'std' | 'splits' | 'metric' | 'published' | 'publishedOn' | 'backbones' | 'descriptors'
  > &
    Partial<Pick<Results, 'chance'>>,
): ComparisonRow[] => [
  ...chanceRows(results),
  ...results.published.map(({ method, mean, std, note = '' }) => ({
    method,
    figure: plusMinus(mean, std, std !== undefined),
    value: mean,
    note: [
      ...(isForeign(results.backbones) ? [PUBLISHED] : []),
      note,
      ...(results.publishedOn === undefined ? [] : [`on ${results.publishedOn}`]),
    ]
      .filter((part) => part !== '')
      .join('; '),
    ours: false,
  })),
  {
    method: methodOf(results),
    figure: plusMinus(results.mean, results.std, scoredSplits(results) > 1),
    value: results.mean ?? undefined,
    note:
      results.publishedOn === undefined
        ? ''
        : `on ${scoredNames(results)}: other images than the published figures'`,
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

/** What a bootstrap interval covers. */
export const intervalText = (metric: string, splits: Results['splits']): string => {
  if (!splits.some(({ interval }) => interval)) return '';
  const eleven = metric === 'mAP11Point' || splits.some(({ figures }) => 'mAPAllPoints' in figures);
  return (
    'Intervals are over the test images alone, drawn again: they leave out the draw of training images and the choice of C.' +
    (eleven && metric === 'mAP'
      ? ' The 11-point form is biased upwards where a class has few test images: compare the all-points form.'
      : '')
  );
};

/** A split, or chance, of which only the figures are known. */
type SplitRow = Pick<Results['splits'][number], 'name' | 'figures'> & Partial<Results['splits'][number]>;

/** Each split's figures, and chance. */
export const splitTable = ({ splits, metric, chance, svm }: Results): Html => {
  const names = [...new Set(splits.flatMap(({ figures }) => Object.keys(figures)))];
  const guessing: SplitRow = { name: 'chance', figures: chance };
  return table<SplitRow>({
    caption: `Each split, percent. ${intervalText(metric, splits)}`,
    columns: [
      { title: 'Split', value: ({ name }) => name },
      { title: 'Training images', value: ({ train = NaN }) => train },
      { title: 'Test images', value: ({ test = NaN }) => test },
      ...names.map((name) => ({
        title: metricTitles[name] ?? name,
        value: ({ figures }: SplitRow) => figures[name] ?? NaN,
        digits: 1,
      })),
      {
        title: '95 % bootstrap interval',
        value: ({ interval }) => (interval ? `${percent(interval.low)} to ${percent(interval.high)}` : '–'),
        sortBy: ({ interval }) => interval?.low,
        numeric: true,
      },
      {
        title: parameterOfResults({ svm }),
        value: ({ C = NaN }) => (typeof C === 'number' ? C : 'one a class'),
      },
    ],
    rows: names.length === 0 ? splits : [...splits, guessing],
  });
};
