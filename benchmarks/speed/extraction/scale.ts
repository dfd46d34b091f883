// Rows of the scale benchmark: one of images, scales and shards varies, the others are fixed.
import { type Row, row } from '../row.js';

/** The quantities that vary. */
export const growing = ['images', 'scales', 'shards'] as const;
export type Growing = (typeof growing)[number];

/** One run; `seconds` is the duration of the slowest shard. */
export interface ScalePoint {
  readonly what: Growing;
  readonly images: number;
  readonly scales: readonly number[];
  readonly shards: number;
  readonly seconds: number;
}

/** What the figure of a run is compared with. */
export type Comparison = Pick<Row, 'peer' | 'peerName' | 'figure' | 'target'>;

/** The comparison of a first run, which has no reference. */
export const first: Comparison = { peer: null, peerName: '–', figure: null, target: null };

/** One run as a row. {@link scalePoints} parses its case. */
export const scaleRow = (point: ScalePoint, comparison: Comparison): Row => {
  const { what, images, scales, shards, seconds } = point;
  return row({
    case: `growth with ${what}: ${images} images, scales ${scales.join(' ')}, ${shards} shards`,
    unit: 's',
    ours: seconds,
    ...comparison,
    better: 'lower',
  });
};

const pattern = /^growth with (images|scales|shards): (\d+) images, scales ([\d ]+), (\d+) shards$/;

/** The runs in the rows of a report. */
export const scalePoints = (rows: readonly Row[]): ScalePoint[] =>
  rows.flatMap(({ case: text, ours }) => {
    const [, what, images, scales, shards] = pattern.exec(text) ?? [];
    if (what === undefined || ours === null) return [];
    return [
      {
        what: what as Growing,
        images: Number(images),
        scales: scales!.split(' ').map(Number),
        shards: Number(shards),
        seconds: ours,
      },
    ];
  });
