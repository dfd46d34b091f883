// A report as one self-contained HTML file: title, summary, contents, sections. It loads nothing.
import { sha256Base64 } from './integrity.js';
import type { Content } from './html.js';
import { html, raw, slug } from './html.js';
import { sortScript } from './sort-script.js';
import { style } from './style.js';

/** One section with its heading. */
export interface Section {
  readonly title: string;
  readonly body: Content;
}

/** A whole page. */
interface Page {
  readonly title: string;
  /** Summary in one or two sentences, under the title. */
  readonly summary?: Content;
  readonly sections: readonly Section[];
  /** Language of the text for screen readers; `en` by default. */
  readonly language?: string;
}

/**
 * The content security policy: the page's own style, script and embedded images. The browser blocks every
 * connection.
 */
const policy = [
  "default-src 'none'",
  'img-src data:',
  "style-src 'unsafe-inline'",
  `script-src '${sha256Base64(sortScript)}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The script element, without white space, which would change the checksum. */
const script = raw(`<script>${sortScript}</script>`);

const ids = (sections: readonly Section[]): string[] => {
  const seen = new Map<string, number>();
  return sections.map(({ title }) => {
    const id = slug(title);
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return count === 1 ? id : `${id}-${count}`;
  });
};

/** The text of the HTML file. The same page gives the same bytes. */
export const page = ({ title, summary, sections, language = 'en' }: Page): string => {
  const names = ids(sections);
  const document = html`<html lang="${language}">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="generator" content="verydeep" />
      <title>${title}</title>
      <link rel="icon" href="data:," />
      <style>
        ${raw(style)}
      </style>
    </head>
    <body>
      <a class="skip" href="#main">Skip to the results</a>
      <header>
        <h1>${title}</h1>
        ${summary === undefined ? undefined : html`<div class="summary">${summary}</div>`}
      </header>
      <nav aria-label="Contents">
        <ul>
          ${sections.map((section, i) => html`<li><a href="#${names[i]}">${section.title}</a></li>`)}
        </ul>
      </nav>
      <main id="main">
        ${sections.map(
          (section, i) =>
            html`<section aria-labelledby="${names[i]}">
              <h2 id="${names[i]}">${section.title}</h2>
              ${section.body}
            </section>`,
        )}
      </main>
      <p class="hidden" id="announce" role="status"></p>
      ${script}
    </body>
  </html> `;
  return `<!doctype html>\n${document.html}`;
};
