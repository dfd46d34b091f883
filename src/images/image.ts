// The one form in which pixels travel: 8-bit sRGB, three channels, row by row. And how an unreadable image is reported.
import { VerydeepError } from '../errors.js';

/** An image in memory: `data` holds height × width × 3 bytes, red, green, blue, in sRGB. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Gives memory for a result of so many bytes. */
export type Room = (bytes: number) => Uint8Array;

/** An image that cannot be used: `reason` says why in a few words, `path` which one. Runs skip and list it. */
export class ImageError extends VerydeepError {
  override readonly name = 'ImageError';

  /**
   * @param path the image as the user knows it
   * @param reason a few words, without a full stop ("the file is empty")
   */
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`Cannot use the image ${path}: ${reason}.`);
  }
}
