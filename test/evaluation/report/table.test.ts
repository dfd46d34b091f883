import assert from 'node:assert/strict';
import { table } from '../../../src/evaluation/report/table.js';

describe('table', () => {
  const { html } = table({
    caption: 'Recall',
    columns: [
      { title: 'Method', value: (row: { name: string; mean: number }) => row.name },
      { title: 'Recall, %', value: ({ mean }) => mean, digits: 1 },
      { title: 'Shown', value: ({ mean }) => `${mean} ± 1`, sortBy: ({ mean }) => mean, numeric: true },
    ],
    rows: [
      { name: 'a<b', mean: 91.84 },
      { name: 'ours', mean: NaN },
    ],
    ours: ({ name }) => name === 'ours',
  });

  it('has a caption, headings of columns and rows, and a button a column', () => {
    assert.match(html, /<caption>\s*<span>Recall<\/span>\s*<\/caption>/);
    assert.equal(html.match(/<th scope="col"/g)?.length, 3);
    assert.equal(html.match(/<button type="button">/g)?.length, 3);
    assert.match(html, /<th scope="row"\s*>a&lt;b<\/th>/);
  });

  it('writes numbers with their digits, sorts by the number itself, and shows a dash for none', () => {
    assert.match(html, /<td class="number" data-value="91.84">91.8<\/td>/);
    assert.match(html, /<td class="number" data-value="91.84">91.84 ± 1<\/td>/);
    assert.match(html, /<td class="number" data-value="">–<\/td>/);
  });

  it('sets our rows off', () => {
    assert.equal(html.match(/<tr class="ours">/g)?.length, 1);
  });
});
