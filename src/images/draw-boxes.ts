// Boxes drawn on a copy of an image, with a word each.
import sharp, { type Sharp } from 'sharp';
import type { RgbImage } from './image.js';

/** A box to draw. */
export interface DrawnBox {
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** A colour of CSS. */
  readonly colour: string;
  readonly dashed?: boolean;
  /** Written into the box's top left corner. */
  readonly text?: string;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => ENTITIES[sign]!);

/** Draws boxes on an image whose longest side is at most `longest` pixels, shrunk if it is larger, enlarged to `least`. */
export const drawBoxes = (
  { width, height, data }: RgbImage,
  boxes: readonly DrawnBox[],
  { longest = Infinity, least = 0 }: { readonly longest?: number; readonly least?: number } = {},
): Sharp => {
  const long = Math.max(width, height);
  const factor = Math.min(longest, Math.max(least, long)) / long;
  const [w, h] = [Math.max(1, Math.round(width * factor)), Math.max(1, Math.round(height * factor))];
  const stroke = Math.max(1.5, Math.max(w, h) / 150);
  const size = Math.max(9, Math.max(w, h) / 28);
  const shapes = boxes.map(({ box, colour, dashed, text }) => {
    const [x, y] = [box.x * factor, box.y * factor];
    const outline = `<rect x="${x}" y="${y}" width="${box.width * factor}" height="${box.height * factor}" fill="none" stroke="${colour}" stroke-width="${stroke}"${dashed ? ` stroke-dasharray="${3 * stroke}"` : ''}/>`;
    const word =
      text === undefined
        ? ''
        : `<text x="${x + 2 * stroke}" y="${y + size + stroke}" font-family="sans-serif" font-size="${size}" fill="${colour}" stroke="black" stroke-width="${size / 8}" paint-order="stroke">${escaped(text)}</text>`;
    return outline + word;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}">${shapes.join('')}</svg>`;
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false })
    .resize({ width: w, height: h, fit: 'fill' })
    .composite([{ input: Buffer.from(svg) }]);
};
