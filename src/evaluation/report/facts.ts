// Small pieces of a report: a list of facts, a command as typed, a part that unfolds.
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

/** Text exactly as it is to be typed or was written. */
export const code = (text: string): Html => html`<pre tabindex="0"><code>${text}</code></pre>`;

/** Content behind a heading that unfolds it; open when printed. */
export const details = (summary: string, body: Content): Html =>
  html`<details>
    <summary>${summary}</summary>
    ${body}
  </details>`;
