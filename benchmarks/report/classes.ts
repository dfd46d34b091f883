// The figure of each class: bars from best to worst, and a table of all.
import { chart } from '../../src/evaluation/report/chart.js';
import { bars } from '../../src/evaluation/report/charts.js';
import type { Content } from '../../src/evaluation/report/html.js';
import { html } from '../../src/evaluation/report/html.js';
import { table } from '../../src/evaluation/report/table.js';
import { mean } from '../../src/evaluation/statistics.js';
import { metricTitles } from '../protocol/benchmark.js';
import type { Figures } from '../protocol/outcome.js';
import type { Results } from '../protocol/results.js';
import { percent } from './figures.js';
import { ends, foldedText } from './folding.js';

/** A class's figures, mean over the splits that were scored. */
interface ClassRow {
  readonly name: string;
  readonly train: number;
  readonly test: number;
  readonly figures: Figures;
  /** Lowest and highest of the splits. */
  readonly range?: readonly [number, number];
}

/** One row a class; figures are means over splits. */
const classRows = ({ splits, classes }: Pick<Results, 'splits' | 'classes'>): ClassRow[] =>
  classes.flatMap((name, c): ClassRow[] => {
    const own = splits.flatMap(({ perClass }) => perClass[c] ?? []);
    const names = [...new Set(own.flatMap(({ figures }) => Object.keys(figures)))];
    const [first] = names;
    if (first === undefined) return [];
    const scored = own.filter(({ figures }) => figures[first] !== undefined);
    const values = scored.map(({ figures }) => figures[first]!);
    return [
      {
        name,
        train: mean(scored.map(({ train }) => train)),
        test: mean(scored.map(({ test }) => test)),
        figures: Object.fromEntries(
          names.map((figure) => [figure, mean(scored.map(({ figures }) => figures[figure]!))]),
        ),
        ...(scored.length > 1 ? { range: [Math.min(...values), Math.max(...values)] as const } : {}),
      },
    ];
  });

/** The section; nothing where no split was scored. */
export const classSection = async (results: Results): Promise<Content> => {
  const rows = classRows(results);
  const [name] = Object.keys(rows[0]?.figures ?? {});
  if (name === undefined) return html`<p>The labels of the test images are not public.</p>`;
  const title = metricTitles[name] ?? name;
  const sorted = [...rows].sort((a, b) => b.figures[name]! - a.figures[name]!);
  const several = rows.some(({ range }) => range);
  const all = table({
    caption: `${title} of each class, percent${several ? ', mean over splits' : ''}`,
    columns: [
      { title: 'Class', value: (row: ClassRow) => row.name },
      ...Object.keys(rows[0]!.figures).map((figure) => ({
        title: metricTitles[figure] ?? figure,
        value: ({ figures }: ClassRow) => figures[figure]!,
        digits: 1,
      })),
      { title: 'Training images', value: ({ train }: ClassRow) => train, digits: 0 },
      { title: 'Test images', value: ({ test }: ClassRow) => test, digits: 0 },
    ],
    rows: sorted,
  });
  const [best, worst] = [sorted[0]!, sorted.at(-1)!];
  return chart({
    title: `${title} of each class`,
    description:
      `From ${percent(best.figures[name])} % (${best.name}) to ${percent(worst.figures[name])} % (${worst.name})` +
      `${several ? '; lines reach from the lowest to the highest split' : ''}.` +
      foldedText(rows.length),
    spec: bars(
      ends(sorted).map(({ name: label, figures, range }) => ({
        name: label,
        value: figures[name]!,
        ...(range ? { low: range[0], high: range[1] } : {}),
      })),
      { x: `${title}, %`, xDomain: [0, 100] },
    ),
    data: all,
  });
};
