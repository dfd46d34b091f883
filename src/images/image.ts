// An image in memory (8-bit sRGB, three channels, row by row), and the error for an unusable one.
import { VerydeepError } from '../errors.js';

/** An image in memory: `data` holds height × width × 3 bytes, red, green, blue, in sRGB. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Allocates memory for a result of the given bytes. */
export type Room = (bytes: number) => Uint8Array;

/**
 * An image cannot be used; runs skip and list it. `path` names the image, `reason` says why in a few words.
 */
export class ImageError extends VerydeepError {
  override readonly name = 'ImageError';

  /**
   * @param path name of the image for the user
   * @param reason a few words, without a full stop ("the file is empty")
   */
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`Cannot use the image ${path}: ${reason}.`);
  }
}
