// Charts: renders a Vega-Lite specification to SVG, which needs no script in the page.
import type { LoggerInterface } from 'vega';
import type { TopLevelSpec } from 'vega-lite';
import type { Drawings } from './charts.js';
import type { Content, Html } from './html.js';
import { capital, html, raw, slug } from './html.js';
import { SERIES } from './style.js';

/** A chart's specification and description. */
interface Chart {
  readonly title: string;
  /** What the chart shows, in words, for screen readers: the main figures, not the colours. */
  readonly description: string;
  /** The Vega-Lite specification, with its data; or two, for wide and narrow pages. One alone scrolls on narrow ones. */
  readonly spec: TopLevelSpec | Drawings;
  /** The figures as a table, unfolded under the chart. */
  readonly data?: Content;
}

/** Maximum width of a label in pixels. Vega overestimates widths by a third: 180 would cut names of 25 letters. */
const LONGEST_LABEL = 360;

/** Colours are variables of the page's style sheet, for light, dark and print. */
const config = {
  background: 'transparent',
  font: 'system-ui, "DejaVu Sans", sans-serif',
  view: { stroke: null },
  axis: {
    labelColor: 'var(--quiet)',
    titleColor: 'var(--ink)',
    gridColor: 'var(--line)',
    domainColor: 'var(--quiet)',
    tickColor: 'var(--quiet)',
    labelFontSize: 12,
    titleFontSize: 12,
    labelLimit: LONGEST_LABEL,
  },
  legend: {
    labelColor: 'var(--ink)',
    titleColor: 'var(--ink)',
    gradientStrokeColor: 'var(--line)',
    labelFontSize: 12,
    labelLimit: LONGEST_LABEL,
    symbolLimit: 40,
  },
  title: { color: 'var(--ink)' },
  text: { color: 'var(--ink)' },
  mark: { color: 'var(--series1)' },
  range: { category: Array.from({ length: SERIES }, (_, i) => `var(--series${i + 1})`) },
} as const;

/** Makes the ids inside a drawing unique, so that several drawings on one page do not share clip paths. */
const ownIds = (svg: string, name: string): string => {
  const found = new Map<string, string>();
  const renamed = svg.replace(/\bid="([^"]+)"/g, (_, id: string) => {
    found.set(id, `${name}-${found.size}`);
    return `id="${found.get(id) ?? id}"`;
  });
  return renamed.replace(/url\(#([^)]+)\)/g, (_, id: string) => `url(#${found.get(id) ?? id})`);
};

/** The drawing as SVG. @param name unique on the page */
const svgOf = async (spec: TopLevelSpec, name: string): Promise<Html> => {
  const [{ compile }, vega] = await Promise.all([import('vega-lite'), import('vega')]);
  const quiet: LoggerInterface = vega.logger(vega.Error); // Without warnings of CSS variables as colours.
  const compiled = compile(spec, { config: config, logger: quiet }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger: quiet });
  try {
    const svg = ownIds(await view.toSVG(), name);
    // Screen readers get the description instead of hundreds of marks.
    return raw(svg.replace('<svg', '<svg aria-hidden="true" focusable="false"'));
  } finally {
    view.finalize();
  }
};

const drawingOf = async (spec: TopLevelSpec | Drawings, name: string): Promise<Html> => {
  if (!('wide' in spec)) return svgOf(spec, name);
  return html`<div class="wide">${await svgOf(spec.wide, name)}</div>
    <div class="narrow">${await svgOf(spec.narrow, `${name}-narrow`)}</div>`;
};

/**
 * The chart as HTML: an SVG drawing with its description, and its figures as a table to unfold.
 *
 * @throws Error from Vega-Lite if the specification is invalid
 */
export const chart = async ({ title, description, spec, data }: Chart): Promise<Html> => {
  const scrolls = 'wide' in spec ? undefined : html` tabindex="0"`;
  return html`<figure class="chart">
    <figcaption><strong>${capital(title)}.</strong> <span>${description}</span></figcaption>
    <div role="img" aria-label="${capital(title)}. ${description}" ${scrolls}>
      ${await drawingOf(spec, slug(title))}
    </div>
    ${
      data === undefined
        ? undefined
        : html`<details>
            <summary>The figures as a table</summary>
            ${data}
          </details>`
    }
  </figure>`;
};
