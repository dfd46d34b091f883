import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { html } from '../../../src/evaluation/report/html.js';
import { page } from '../../../src/evaluation/report/page.js';

const text = page({
  title: 'Birds & <cats>',
  summary: 'One "line".',
  sections: [
    { title: 'Results', body: html`<p>first</p>` },
    { title: 'Results', body: '<script>alert(1)</script>' },
  ],
});

describe('page', () => {
  it('escapes text and keeps HTML', () => {
    assert.match(text, /<title>Birds &amp; &lt;cats&gt;<\/title>/);
    assert.match(text, /<p>first<\/p>/);
    assert.match(text, /&lt;script&gt;alert\(1\)/);
  });

  it('links each section by an id of its own', () => {
    for (const id of ['results', 'results-2']) {
      assert.match(text, new RegExp(`href="#${id}"`));
      assert.match(text, new RegExp(`<h2 id="${id}">`));
    }
  });

  it('names no address outside itself, and admits exactly its own script', () => {
    assert.deepEqual(text.match(/(?:src|href)="(?!#|data:)[^"]*"/g), null);
    const scripts = [...text.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1] ?? '');
    assert.equal(scripts.length, 1);
    const hash = createHash('sha256')
      .update(scripts[0] ?? '')
      .digest('base64');
    assert.ok(text.includes(`script-src &#39;sha256-${hash}&#39;`));
    assert.ok(text.includes('default-src &#39;none&#39;'));
  });
});
