import assert from 'node:assert/strict';
import { escape, html, slug } from '../../../src/evaluation/report/html.js';

describe('html', () => {
  it('escapes what could end a text or an attribute, and drops control characters', () => {
    assert.equal(
      escape(`<a href="x" title='y'>&\u0000\u0007`),
      '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;',
    );
  });

  it('joins lists, leaves out nothing, keeps HTML', () => {
    assert.equal(html`<b>${['<', html`<i>${2}</i>`, undefined]}</b>`.html, '<b>&lt;<i>2</i></b>');
  });

  it('makes ids', () => {
    assert.equal(slug('AP per class (%)'), 'ap-per-class');
    assert.equal(slug('…'), 'section');
  });
});
