// The kinds of chart that reports use, as Vega-Lite specifications: lines, bars, a heat map.
import type { TopLevelSpec } from 'vega-lite';
import { SERIES } from './style.js';

/** A chart for wide pages, and one for narrow pages, where the wide one would be too small to read. */
export interface Drawings {
  readonly wide: TopLevelSpec;
  readonly narrow: TopLevelSpec;
}

/** Width in pixels of a chart on a page of 400 pixels. */
const NARROW = 344;
const fitted = { width: NARROW, autosize: { type: 'fit', contains: 'padding' } } as const;

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

/** Ticks of a logarithmic axis, at the values of the points. */
const atValues = (points: readonly Point[]) => ({
  values: [...new Set(points.map(({ x }) => x))],
  format: '.3~g',
  labelOverlap: 'greedy' as const,
});

const LEGEND_ROW = 18;

/** One line per series, in the order given. */
export const lines = (points: readonly Point[], options: LinesOptions): Drawings => {
  const series = new Set(points.map((point) => point.series ?? '')).size;
  const wide = linesIn(points, options);
  return {
    wide,
    narrow: {
      ...wide,
      ...fitted,
      height: 260 + (series > 1 ? series * LEGEND_ROW : 0),
      config: { legend: { orient: 'bottom', direction: 'vertical', labelLimit: NARROW - 40 } },
    },
  };
};

const linesIn = (points: readonly Point[], options: LinesOptions): TopLevelSpec => {
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

/** Maximum letters of a name above half a narrow page. */
const SHORT_NAME = 16;

/** One small chart per series, in rows of five; on narrow pages in rows of two, or of one if names are long. */
export const smallLines = (points: readonly Point[], options: LinesOptions): Drawings => {
  const short = points.every(({ series = '' }) => series.length <= SHORT_NAME);
  return {
    wide: smallLinesIn(points, options, 5),
    narrow: smallLinesIn(points, { ...options, width: short ? 88 : 250 }, short ? 2 : 1),
  };
};

const smallLinesIn = (points: readonly Point[], options: LinesOptions, columns: number): TopLevelSpec => {
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
    columns,
    spacing: 14,
    spec: {
      width,
      height,
      // Clipped, so that a curve along the upper edge does not raise its panel's title.
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

interface BarsOptions {
  readonly x: string;
  readonly xDomain?: readonly [number, number];
  readonly width?: number;
}

/** Axis with names above the bars, left-aligned. */
const namesAbove = {
  labelAlign: 'left',
  labelBaseline: 'bottom',
  labelPadding: -4,
  labelOffset: -10,
  labelLimit: NARROW - 20,
  labelColor: 'var(--ink)',
  ticks: false,
  domain: false,
  zindex: 1,
};

/** Horizontal bars, the longest first, with intervals if given; names stand above the bars on narrow pages. */
export const bars = (values: readonly Bar[], options: BarsOptions): Drawings => ({
  wide: barsIn(values, options, { width: options.width ?? 560, height: { step: 20 } }),
  narrow: barsIn(
    values,
    options,
    { width: NARROW - 24, height: { step: 36 } },
    { axis: namesAbove, scale: { paddingInner: 0.55, paddingOuter: 0.5 } },
  ),
});

const barsIn = (
  values: readonly Bar[],
  options: BarsOptions,
  size: { readonly width: number; readonly height: { readonly step: number } },
  names: object = {},
): TopLevelSpec =>
  ({
    data: { values: [...values] },
    ...size,
    encoding: {
      y: {
        field: 'name',
        type: 'nominal',
        sort: { field: 'value', order: 'descending' },
        title: null,
        ...names,
      },
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

/** A heat map of shares for up to a few dozen names, in the order given; with figures if there is room. */
export const heatMap = (
  cells: readonly Cell[],
  options: { readonly names: readonly string[]; readonly row: string; readonly column: string },
): TopLevelSpec => {
  const n = options.names.length;
  const step = Math.max(14, Math.min(36, Math.floor(640 / n)));
  const axis = { labelFontSize: 12 };
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
        mark: { type: 'rect', stroke: 'var(--line)', strokeWidth: 0.5 },
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
