// Sortable tables, with a caption and headings for screen readers.
import type { Content, Html } from './html.js';
import { capital, html } from './html.js';

/** One column: its heading and its cells. */
interface Column<Row> {
  readonly title: string;
  /** The cell's content; numbers are right-aligned and written with `digits`. */
  readonly value: (row: Row) => Content;
  /** Decimal places of numbers; unrounded if missing. */
  readonly digits?: number;
  /** Sort key, if it differs from the content ("91.8 ± 1.0" sorts as 91.8). */
  readonly sortBy?: (row: Row) => number | string | undefined;
  /** Whether the column is numeric (right-aligned); decided by the first row if missing. */
  readonly numeric?: boolean;
}

/** A table. The first column is the rows' heading. */
interface Table<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Whether headings sort; default true. */
  readonly sortable?: boolean;
  /** Rows to highlight, such as our own results. */
  readonly ours?: (row: Row) => boolean;
}

const text = (content: Content, digits: number | undefined): Content => {
  if (typeof content !== 'number') return content;
  if (!Number.isFinite(content)) return '–';
  return digits === undefined ? content : content.toFixed(digits);
};

const sortKey = <Row>(column: Column<Row>, row: Row): string | undefined => {
  const key = column.sortBy ? column.sortBy(row) : column.value(row);
  if (column.sortBy && key === undefined) return '';
  if (typeof key === 'number') return Number.isFinite(key) ? String(key) : '';
  return column.sortBy && typeof key === 'string' ? key : undefined;
};

/** Maximum rows of a table that is kept on one printed page. */
const MOST_TOGETHER = 12;

/** The table as HTML, in a region that scrolls, also by keyboard, if it is wider than the page. */
export const table = <Row>({ caption, columns, rows, sortable = true, ours }: Table<Row>): Html => {
  const numeric = columns.map(
    (column) => column.numeric ?? (rows.length > 0 && typeof column.value(rows[0] as Row) === 'number'),
  );
  const heading = (column: Column<Row>, i: number): Html => {
    const title = sortable
      ? html`<button type="button">${capital(column.title)}</button>`
      : capital(column.title);
    return numeric[i]
      ? html`<th scope="col" class="number">${title}</th>`
      : html`<th scope="col">${title}</th>`;
  };
  const cell = (row: Row) => (column: Column<Row>, i: number) => {
    const content = text(column.value(row), column.digits);
    const key = sortKey(column, row);
    const kind = numeric[i] ? html` class="number"` : undefined;
    const value = key === undefined ? undefined : html` data-value="${key}"`;
    return i === 0
      ? html`<th scope="row" ${kind}${value}>${content}</th>`
      : html`<td${kind}${value}>${content}</td>`;
  };
  return html`<div class="scroll" role="region" aria-label="${capital(caption)}" tabindex="0">
    <table${rows.length <= MOST_TOGETHER ? html` class="whole"` : undefined}>
      <caption>
        <span>${capital(caption)}</span>
      </caption>
      <thead>
        <tr>
          ${columns.map(heading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr${ours?.(row) ? html` class="ours"` : undefined}>${columns.map(cell(row))}</tr>`,
        )}
      </tbody>
    </table>
  </div>`;
};
