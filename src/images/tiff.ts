// Wraps raw pixels in an uncompressed TIFF, so that the image decoder reads them.

/** The shape of 8-bit pixels, row by row. */
export interface PixelForm {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

const SHORT = 3;
const LONG = 4;

/** An uncompressed little-endian TIFF of `pixels` (TIFF 6.0, sections 2 to 6). */
export const tiffOf = (pixels: Uint8Array, { width, height, channels }: PixelForm): Uint8Array => {
  const entries = 9;
  const directory = 8;
  const depths = directory + 2 + 12 * entries + 4;
  const start = depths + 6;
  const tags: readonly (readonly [tag: number, type: number, count: number, value: number])[] = [
    [256, LONG, 1, width],
    [257, LONG, 1, height],
    [258, SHORT, channels, channels === 1 ? 8 : depths], // bits a sample
    [259, SHORT, 1, 1], // no compression
    [262, SHORT, 1, channels === 1 ? 1 : 2], // grey with 0 for black, or RGB
    [273, LONG, 1, start],
    [277, SHORT, 1, channels],
    [278, LONG, 1, height],
    [279, LONG, 1, pixels.length],
  ];
  const file = Buffer.alloc(start + pixels.length);
  file.write('II', 0, 'latin1');
  file.writeUInt16LE(42, 2);
  file.writeUInt32LE(directory, 4);
  file.writeUInt16LE(entries, directory);
  tags.forEach(([tag, type, count, value], i) => {
    const at = directory + 2 + 12 * i;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    file.writeUInt32LE(value, at + 8); // A short, in the lower half of the value.
  });
  for (let channel = 0; channel < 3; channel++) file.writeUInt16LE(8, depths + 2 * channel);
  file.set(pixels, start);
  return file;
};
