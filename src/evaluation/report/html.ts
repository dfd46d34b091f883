// HTML text that is safe by construction: everything put into a template is escaped unless it is HTML already.

/** A piece of HTML: only {@link html} and {@link raw} make one. */
export interface Html {
  readonly html: string;
}

/** What a template takes: text and numbers are escaped, pieces of HTML stay, lists are joined, nothing gives nothing. */
export type Content = Html | string | number | undefined | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in an element or a quoted attribute; control characters, which HTML forbids, are dropped. */
export const escape = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '').replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);

const isList = (content: Content): content is readonly Content[] => Array.isArray(content);

const render = (content: Content): string => {
  if (content === undefined) return '';
  if (isList(content)) return content.map(render).join('');
  return typeof content === 'object' ? content.html : escape(String(content));
};

/** Takes text as HTML without escaping: only for text that this program wrote itself. */
export const raw = (text: string): Html => ({ html: text });

/** The tag of HTML templates: html`<p>${text}</p>`. Attributes must be quoted in the template. */
export const html = (strings: TemplateStringsArray, ...contents: readonly Content[]): Html =>
  raw(strings.reduce((text, string, i) => text + render(contents[i - 1]) + string));

/** The text with a capital at its beginning: a heading made of words that also stand inside sentences. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A name that can stand in `id`: "AP per class" becomes "ap-per-class". */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '') || 'section';
