// The rows of the scale benchmark: one of images, scales and shards grows while the others stay.
import { type Row, row } from '../row.js';

/** What grows. */
export const growing = ['images', 'scales', 'shards'] as const;
export type Growing = (typeof growing)[number];

/** One run; `seconds` are of the longest shard, from the beginning of its extraction to its end. */
export interface ScalePoint {
  readonly what: Growing;
  readonly images: number;
  readonly scales: readonly number[];
  readonly shards: number;
  readonly seconds: number;
}

/** How a figure was made of a run: what it is compared with. */
export type Comparison = Pick<Row, 'peer' | 'peerName' | 'figure' | 'target'>;

/** A run that others are compared with. */
export const first: Comparison = { peer: null, peerName: '–', figure: null, target: null };

/** One run as a row; its case says all of it in words, as {@link scalePoints} reads them. */
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

/** The runs among the rows of a report. */
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
