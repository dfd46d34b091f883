// `node dist/benchmarks/speed/extraction/plot.js REPORT.json OUT.svg`: draws what `npm run bench -- extraction-scale --json` measured.
import { plotCommand, svgOf } from '../plot-command.js';
import type { SpeedReport } from '../row.js';
import { type Growing, type ScalePoint, growing, scalePoints } from './scale.js';

const titles: Readonly<Record<Growing, string>> = {
  images: 'images, one scale',
  scales: 'scales, 16 images',
  shards: 'shards, the longest',
};

const amountOf = ({ what, images, scales, shards }: ScalePoint): number =>
  ({ images, scales: scales.length, shards })[what];

/** Seconds over images, scales and shards, side by side, as SVG. @throws RangeError if the report has no such rows */
export const scalePlot = (report: SpeedReport): Promise<string> => {
  const points = scalePoints(report.rows);
  if (points.length === 0)
    throw new RangeError('the report holds no scale: it is made by npm run bench -- extraction-scale --json');
  return svgOf({
    background: 'white',
    hconcat: growing.map((what) => {
      const own = points.filter((point) => point.what === what);
      return {
        width: 200,
        height: 220,
        data: { values: own.map((point) => ({ amount: amountOf(point), seconds: point.seconds })) },
        mark: { type: 'line' as const, point: { filled: true, size: 40 } },
        encoding: {
          x: {
            field: 'amount',
            type: 'quantitative' as const,
            title: titles[what],
            axis: { values: own.map(amountOf), format: 'd' },
            scale: { domainMin: 0 },
          },
          y: { field: 'seconds', type: 'quantitative' as const, title: 'seconds' },
        },
      };
    }),
  });
};

await plotCommand(import.meta.url, scalePlot);
