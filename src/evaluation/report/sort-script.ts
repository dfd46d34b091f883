// The script of a report: column headings sort the table, and printing opens collapsed parts.

/** JavaScript for current and recent browsers, without modules or network. */
export const sortScript = `
'use strict';
(() => {
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text);
    return text === '' ? undefined : Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });
  const sort = (table, heading) => {
    const column = heading.cellIndex;
    const falling = heading.getAttribute('aria-sort') === 'ascending';
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, column) }));
    rows.sort((a, b) => {
      if (a.value === undefined || b.value === undefined) return (a.value === undefined) - (b.value === undefined);
      return falling ? compare(b.value, a.value) : compare(a.value, b.value);
    });
    body.append(...rows.map(({ row }) => row));
    for (const other of heading.parentElement.cells) other.removeAttribute('aria-sort');
    heading.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
    document.getElementById('announce').textContent =
      'Sorted by ' + heading.textContent.trim() + ', ' + (falling ? 'falling' : 'rising');
  };
  document.addEventListener('click', (event) => {
    const button = event.target.closest('thead button');
    if (button) sort(button.closest('table'), button.closest('th'));
  });
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll('details:not([open])')];
    for (const details of opened) details.open = true;
  });
  addEventListener('afterprint', () => { for (const details of opened) details.open = false; });
})();
`.trim();
