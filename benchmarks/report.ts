// The report of a benchmark: what came out beside what others reported, per class, per C, and how it was made.
import { describeRecipe } from '../src/features/recipe.js';
import type { Content, Html } from '../src/evaluation/report/html.js';
import { html } from '../src/evaluation/report/html.js';
import { chart } from '../src/evaluation/report/chart.js';
import { lines } from '../src/evaluation/report/charts.js';
import { code, facts } from '../src/evaluation/report/facts.js';
import { type Section, page } from '../src/evaluation/report/page.js';
import { table } from '../src/evaluation/report/table.js';
import { metricTitles } from './benchmark.js';
import type { Evaluation } from './evaluate.js';
import { type Results, scoredSplits } from './results.js';

const percent = (value: number | null | undefined): string =>
  value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(1);

const plusMinus = (mean: number | null, std: number | null | undefined, several: boolean): string =>
  several && std !== undefined && std !== null ? `${percent(mean)} ± ${percent(std)}` : percent(mean);

/** Our own name in the table: the nets. */
export const methodOf = ({ backbones }: Pick<Results, 'backbones'>): string =>
  backbones.length === 0 ? 'this run' : `this run, net ${backbones.map(({ config }) => config).join(' & ')}`;

/** Ours beside the published figures, published ones first. */
export const comparisonRows = (
  results: Pick<Results, 'mean' | 'std' | 'splits' | 'metric' | 'published' | 'backbones'>,
): { method: string; figure: string; value: number | undefined; note: string; ours: boolean }[] => [
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

const comparison = (results: Results): Html =>
  table({
    caption: `${metricTitles[results.metric] ?? results.metric} on ${results.title}, percent`,
    columns: [
      { title: 'Method', value: ({ method }) => method },
      {
        title: metricTitles[results.metric] ?? results.metric,
        value: ({ figure }) => figure,
        sortBy: ({ value }) => value,
        numeric: true,
      },
      { title: 'Remark', value: ({ note }) => note },
    ],
    rows: comparisonRows(results),
    ours: ({ ours }) => ours,
  });

const splitTable = (results: Results): Html => {
  const names = Object.keys(results.splits[0]?.figures ?? {});
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
        title: '95 % interval',
        value: ({ interval }) => (interval ? `${percent(interval.low)} to ${percent(interval.high)}` : '–'),
        sortBy: ({ interval }) => interval?.low,
        numeric: true,
      },
      { title: 'C', value: ({ C }) => (typeof C === 'number' ? C : 'one a class') },
    ],
    rows: results.splits,
  });
};

const curveOfC = async (results: Results): Promise<Content> => {
  const points = results.splits.flatMap(({ name, curve }) =>
    curve.map(({ C, mean }) => ({ x: C, y: mean, series: name })),
  );
  if (points.length === 0) return html`<p>C was given: ${String(results.splits[0]?.C)}.</p>`;
  const title = metricTitles[results.metric] ?? results.metric;
  return chart({
    title: 'Choice of C',
    description: results.splits
      .map(({ name, C }) => `${name}: C = ${typeof C === 'number' ? C : 'one a class'}`)
      .join('; '),
    spec: lines(points, { x: 'C', y: `${title} on held-out images, %`, logarithmic: true, points: true }),
    data: table({
      caption: `${title} on held-out training images, percent`,
      columns: [
        { title: 'Split', value: ({ series }) => series },
        { title: 'C', value: ({ x }) => x },
        { title, value: ({ y }) => y, digits: 2 },
      ],
      rows: points,
    }),
  });
};

const making = (results: Results): Content => [
  code(results.run.command),
  facts({
    Date: results.run.date,
    Machine: results.run.machine,
    Seed: results.seed,
    Protocol: Object.entries(results.protocol)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', '),
    'Support vector machines': Object.entries(results.svm)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', '),
    Engine: results.descriptors.engine,
    Versions: Object.entries(results.run.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    Seconds: Object.entries(results.run.seconds)
      .map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)}`)
      .join(', '),
  }),
];

/** The report as one HTML file. */
export const reportOf = async (results: Results, evaluation: Evaluation): Promise<string> => {
  const { descriptors } = evaluation;
  const sections: Section[] = [
    {
      title: 'Results',
      body: [
        comparison(results),
        html`<ul>
          ${results.notes.map((note) => html`<li>${note}</li>`)}
        </ul>`,
        splitTable(results),
      ],
    },
    { title: 'Choice of C', body: await curveOfC(results) },
    { title: 'Descriptors', body: descriptors.recipes.map((recipe) => code(describeRecipe(recipe))) },
    { title: 'How it was made', body: making(results) },
  ];
  return page({
    title: results.title,
    summary: html`<p>
      ${metricTitles[results.metric] ?? results.metric}:
      <strong>${plusMinus(results.mean, results.std, scoredSplits(results) > 1)} %</strong>
      on ${results.images} images of ${results.classes.length} classes.
    </p>`,
    sections,
  });
};
