// Curves of a report: precision over recall of each class, and the metric over C.
import { precisionRecall } from '../../src/evaluation/average-precision.js';
import { chart } from '../../src/evaluation/report/chart.js';
import { type Point, lines, smallLines } from '../../src/evaluation/report/charts.js';
import type { Content } from '../../src/evaluation/report/html.js';
import { html } from '../../src/evaluation/report/html.js';
import { table } from '../../src/evaluation/report/table.js';
import { metricTitles } from '../protocol/benchmark.js';
import { labelsOf } from '../protocol/fit.js';
import { columnOf } from '../protocol/official.js';
import type { SplitOutcome } from '../protocol/outcome.js';
import { type Results, parameterOfResults } from '../protocol/results.js';
import { percent } from './figures.js';
import { ends, foldedText } from './folding.js';

const MOST_POINTS = 120;

/** Points of a curve, thinned to what a small drawing can show; the first and the last stay. */
const thinned = <T>(points: readonly T[]): T[] => {
  const step = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  return points.filter((_, i) => i % step === 0 || i === points.length - 1);
};

/** Precision over recall of every class of a scored split, a small chart each. */
export const precisionRecallSection = async (outcome: SplitOutcome): Promise<Content> => {
  const labels = labelsOf(outcome.classes, outcome.test);
  const figureOf = (c: number): number => Object.values(outcome.perClass[c]!.figures)[0] ?? 0;
  const drawn = new Set(ends([...outcome.classes.keys()].sort((a, b) => figureOf(b) - figureOf(a))));
  const points = outcome.classes.flatMap((name, c): Point[] => {
    if (!drawn.has(c)) return [];
    const { precision, recall } = precisionRecall(columnOf(outcome.scores, c), labels[c]!.labels);
    return thinned([...recall.keys()]).map((i) => ({ x: recall[i]!, y: precision[i]!, series: name }));
  });
  const halves = outcome.classes.map((name, c) => {
    const { precision, recall } = precisionRecall(columnOf(outcome.scores, c), labels[c]!.labels);
    const at = (level: number): number =>
      Math.max(0, ...precision.filter((_, i) => recall[i]! >= level)) * 100;
    return { name, low: at(0.1), half: at(0.5), high: at(0.9) };
  });
  return chart({
    title: 'Precision over recall',
    description: `One curve a class on the split ${outcome.name}; images with only difficult objects are left out.${foldedText(outcome.classes.length)}`,
    spec: smallLines(points, { x: 'recall', y: 'precision', xDomain: [0, 1], yDomain: [0, 1] }),
    data: table({
      caption: 'Best precision at a recall or beyond, percent',
      columns: [
        { title: 'Class', value: (row) => row.name },
        { title: 'Recall 10 %', value: (row) => row.low, digits: 1 },
        { title: 'Recall 50 %', value: (row) => row.half, digits: 1 },
        { title: 'Recall 90 %', value: (row) => row.high, digits: 1 },
      ],
      rows: halves,
    }),
  });
};

const rounded = (C: number): number => Number(C.toPrecision(3));

const shownC = (C: number | readonly number[]): string =>
  typeof C === 'number' ? String(C) : `${rounded(Math.min(...C))} to ${rounded(Math.max(...C))}, one a class`;

/** The metric on held-out images for each C, or k, a line a split. */
export const choiceSection = async (results: Results): Promise<Content> => {
  const name = parameterOfResults(results);
  const points = results.splits.flatMap((split) =>
    split.curve.map(({ C, mean }) => ({ x: C, y: mean, series: split.name })),
  );
  if (points.length === 0)
    return html`<p>${name} was given: ${results.splits.map(({ C }) => shownC(C)).join(', ')}.</p>`;
  const by = results.splits.find(({ choice }) => choice)?.choice?.metric ?? results.metric;
  const title = metricTitles[by] ?? by;
  return chart({
    title: `Choice of ${name}`,
    description: `${results.splits
      .map(({ name: split, C, curve, choice }) => {
        const best = Math.max(...curve.map(({ mean }) => mean));
        return `${split}: ${name} = ${shownC(C)}, ${percent(best)} % by ${choice?.on ?? 'held-out training images'}`;
      })
      .join('; ')}. The figure is the best of the curve, and so a little too good.`,
    spec: lines(points, { x: name, y: `${title}, %`, logarithmic: true, points: true }),
    data: table({
      caption: `${title} on held-out training images, percent`,
      columns: [
        { title: 'Split', value: ({ series }) => series },
        { title: name, value: ({ x }) => x },
        { title, value: ({ y }) => y, digits: 2 },
      ],
      rows: points,
    }),
  });
};
