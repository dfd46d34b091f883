// `node dist/benchmarks/speed/svm/plot.js REPORT.json OUT.svg`: draws the growth that `npm run bench -- svm --json` measured.
import type { TopLevelSpec } from 'vega-lite';
import { plotCommand, svgOf } from '../plot-command.js';
import type { SpeedReport } from '../row.js';
import { type GrowthPoint, base, growthPoints } from './growth.js';

/** Seconds over multiples of the base case's rows, columns, classes or values of C, on logarithmic axes. */
const specOf = (points: readonly GrowthPoint[]): TopLevelSpec => {
  const series = Object.entries(base).map(([what, value]) => [what, `${what} (1 = ${value})`] as const);
  const names = new Map<string, string>(series);
  return {
    background: 'white',
    width: 560,
    height: 320,
    data: {
      values: points.map(({ what, value, seconds }) => ({
        times: value / base[what],
        seconds,
        what: names.get(what),
      })),
    },
    mark: { type: 'line', point: { filled: true, size: 40 } },
    encoding: {
      x: {
        field: 'times',
        type: 'quantitative',
        title: 'times the base case',
        scale: { type: 'log', base: 2 },
        axis: { values: [0.125, 0.25, 0.5, 1, 2, 4], format: '~g' },
      },
      y: {
        field: 'seconds',
        type: 'quantitative',
        title: 'seconds, Gram matrix included',
        scale: { type: 'log', base: 2 },
        axis: { format: '~g' },
      },
      color: { field: 'what', type: 'nominal', title: 'what grows', sort: series.map(([, name]) => name) },
    },
  };
};

/** The plot of a report's rows as SVG. @throws RangeError if the report has no growth rows */
export const growthPlot = (report: SpeedReport): Promise<string> => {
  const points = growthPoints(report.rows);
  if (points.length === 0)
    throw new RangeError('the report holds no growth: run the bench with --size growth');
  return svgOf(specOf(points));
};

await plotCommand(import.meta.url, growthPlot);
