// The kinds of chart that reports use, as Vega-Lite specifications: lines, bars, a heat map.
import type { TopLevelSpec } from 'vega-lite';
import { SERIES } from './style.js';

/** One point of a line chart. */
export interface Point {
  readonly x: number;
  readonly y: number;
  /** Name of its line; one line if missing. */
  readonly series?: string;
}

/** Axis titles, ranges and sizes of a line chart. */
interface LinesOptions {
  readonly x: string;
  readonly y: string;
  /** Lowest and highest value of an axis; the data's if missing. */
  readonly xDomain?: readonly [number, number];
  readonly yDomain?: readonly [number, number];
  readonly logarithmic?: boolean;
  /** Marks every point. */
  readonly points?: boolean;
  readonly width?: number;
  readonly height?: number;
}

/** Dash patterns, for more lines than there are colours. */
const dashes = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
];

const scale = (domain: readonly [number, number] | undefined, type?: 'log') => ({
  ...(domain ? { domain: [...domain], nice: false } : {}),
  ...(type ? { type, nice: false, padding: 12 } : { zero: domain === undefined ? false : domain[0] === 0 }),
});

/** Ticks of a logarithmic axis: at the values. */
const atValues = (points: readonly Point[]) => ({
  values: [...new Set(points.map(({ x }) => x))],
  format: '.3~g',
  labelOverlap: 'greedy' as const,
});

/** One line per series, in the order given. */
export const lines = (points: readonly Point[], options: LinesOptions): TopLevelSpec => {
  const { width = 640, height = 320, logarithmic = false, points: marked = false } = options;
  const series = [...new Set(points.map((point) => point.series ?? ''))];
  const dash = (name: string) => Math.floor(series.indexOf(name) / SERIES) % dashes.length;
  return {
    data: { values: points.map((point, order) => ({ ...point, order, dash: dash(point.series ?? '') })) },
    width,
    height,
    mark: {
      type: 'line',
      clip: options.xDomain !== undefined || options.yDomain !== undefined,
      ...(marked ? { point: { filled: true, size: 40 } } : {}),
    },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: options.x,
        scale: scale(options.xDomain, logarithmic ? 'log' : undefined),
        ...(logarithmic ? { axis: atValues(points) } : {}),
      },
      y: { field: 'y', type: 'quantitative', title: options.y, scale: scale(options.yDomain) },
      order: { field: 'order' },
      ...(series.length > 1
        ? {
            color: { field: 'series', type: 'nominal', title: '', sort: series },
            // A field of its own: Vega-Lite 6.4.2 and later take `legend: null` of one encoding as meant for all encodings of its field.
            strokeDash: {
              field: 'dash',
              type: 'nominal',
              scale: { domain: dashes.map((_, i) => i), range: dashes },
              legend: null,
            },
          }
        : {}),
    },
  };
};

/** One small chart per series, in rows of five: curves of many classes side by side. */
export const smallLines = (points: readonly Point[], options: LinesOptions): TopLevelSpec => {
  const { width = 110, height = 90 } = options;
  const axis = { tickCount: 3, labelFontSize: 10, titleFontSize: 11 };
  return {
    data: { values: points.map((point, order) => ({ ...point, order })) },
    facet: {
      field: 'series',
      type: 'nominal',
      sort: [...new Set(points.map(({ series }) => series))],
      title: null,
      header: { labelFontSize: 12, labelLimit: 2 * width, labelColor: 'var(--ink)', labelPadding: 3 },
    },
    columns: 5,
    spacing: 14,
    spec: {
      width,
      height,
      // Clipped: a curve along the upper edge would raise its panel's title above the others.
      mark: { type: 'line', strokeWidth: 1.5, clip: true },
      encoding: {
        x: { field: 'x', type: 'quantitative', title: options.x, scale: scale(options.xDomain), axis },
        y: { field: 'y', type: 'quantitative', title: options.y, scale: scale(options.yDomain), axis },
        order: { field: 'order' },
      },
    },
  } as TopLevelSpec;
};

/** One bar; `low` and `high` draw its interval. */
interface Bar {
  readonly name: string;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** Horizontal bars, the longest first, with intervals if given. */
export const bars = (
  values: readonly Bar[],
  options: { readonly x: string; readonly xDomain?: readonly [number, number]; readonly width?: number },
): TopLevelSpec =>
  ({
    data: { values: [...values] },
    width: options.width ?? 560,
    height: { step: 20 },
    encoding: {
      y: { field: 'name', type: 'nominal', sort: { field: 'value', order: 'descending' }, title: null },
    },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          x: { field: 'value', type: 'quantitative', title: options.x, scale: scale(options.xDomain) },
        },
      },
      ...(values.some(({ low }) => low !== undefined)
        ? [
            {
              mark: { type: 'rule', strokeWidth: 2, color: 'var(--ink)' },
              encoding: { x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' } },
            },
          ]
        : []),
    ],
  }) as TopLevelSpec;

/** One cell of a heat map. */
export interface Cell {
  readonly row: string;
  readonly column: string;
  /** From 0 to 1. */
  readonly value: number;
}

/** A heat map of shares: rows and columns in the order given; figures are shown if there is room. */
export const heatMap = (
  cells: readonly Cell[],
  options: { readonly names: readonly string[]; readonly row: string; readonly column: string },
): TopLevelSpec => {
  const n = options.names.length;
  const step = Math.max(5, Math.min(36, Math.floor(640 / n)));
  const axis = { labels: n <= 60, ticks: n <= 60, labelFontSize: Math.min(12, step) };
  return {
    data: { values: [...cells] },
    width: n * step,
    height: n * step,
    encoding: {
      y: { field: 'row', type: 'nominal', scale: { domain: [...options.names] }, title: options.row, axis },
      x: {
        field: 'column',
        type: 'nominal',
        scale: { domain: [...options.names] },
        title: options.column,
        axis: { ...axis, labelAngle: -90 },
      },
    },
    layer: [
      {
        mark: { type: 'rect', stroke: 'var(--line)', strokeWidth: n <= 60 ? 0.5 : 0 },
        encoding: {
          color: { value: 'var(--heat1)' },
          opacity: {
            field: 'value',
            type: 'quantitative',
            scale: { domain: [0, 1], range: [0, 1] },
            legend: null,
          },
        },
      },
      ...(n <= 20
        ? [
            {
              transform: [{ filter: 'datum.value >= 0.005' }],
              mark: { type: 'text', fontSize: 10 },
              encoding: {
                text: { field: 'value', type: 'quantitative', format: '.0%' },
                color: {
                  condition: { test: 'datum.value > 0.5', value: 'var(--page)' },
                  value: 'var(--ink)',
                },
              },
            },
          ]
        : []),
    ],
  } as TopLevelSpec;
};
