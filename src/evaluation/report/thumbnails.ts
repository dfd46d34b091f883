// Rows of small pictures with captions, embedded in the page.
import type { Content, Html } from './html.js';
import { html } from './html.js';

/** One picture. */
export interface Thumbnail {
  /** The encoded picture (JPEG, PNG or WebP), small. */
  readonly image: Uint8Array;
  /** Alternative text ("test image animals/cat/12.jpg, true class cat"). */
  readonly alt: string;
  readonly caption: Content;
  /** Framed as right or wrong, also by line style; no frame if missing. */
  readonly verdict?: 'good' | 'bad';
}

/** The image types that browsers show, by the first bytes of the file. */
const signatures: readonly (readonly [type: string, bytes: readonly number[]])[] = [
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46]],
];

const typeOf = (image: Uint8Array): string =>
  signatures.find(([, bytes]) => bytes.every((byte, i) => image[i] === byte))?.[0] ??
  'application/octet-stream';

/** A picture's bytes as a data URL. */
const dataUrl = (image: Uint8Array): string =>
  `data:${typeOf(image)};base64,${Buffer.from(image.buffer, image.byteOffset, image.byteLength).toString('base64')}`;

/** The pictures as a list, in reading order. */
export const thumbnails = (label: string, pictures: readonly Thumbnail[]): Html =>
  html`<ul class="thumbnails" aria-label="${label}">
    ${pictures.map(
      ({ image, alt, caption, verdict }) =>
        html`<li class="${verdict}">
          <figure>
            <img src="${dataUrl(image)}" alt="${alt}" />
            <figcaption>${caption}</figcaption>
          </figure>
        </li>`,
    )}
  </ul>`;
