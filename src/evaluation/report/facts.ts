// Small elements of a report: a list of facts, a command, a collapsible part.
import type { Content, Html } from './html.js';
import { html } from './html.js';

/** Names and their values: recipe, versions, checksums. Entries without a value are left out. */
export const facts = (entries: Readonly<Record<string, Content>>): Html => {
  const given = Object.entries(entries).filter(([, value]) => value !== undefined);
  return html`<dl>
    ${given.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
};

/** Preformatted text, unchanged. */
export const code = (text: string): Html => html`<pre tabindex="0"><code>${text}</code></pre>`;

/** Collapsible content under a heading; open when printed. */
export const details = (summary: string, body: Content): Html =>
  html`<details>
    <summary>${summary}</summary>
    ${body}
  </details>`;
