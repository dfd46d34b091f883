// A worker thread of the input pipeline: decodes and scales images, and crops them into a shared batch or adds up their colours.
import { VerydeepError, messageOf } from '../../errors.js';
import { decode } from '../../images/decode.js';
import { ImageError, type RgbImage } from '../../images/image.js';
import type { Interpolation } from '../../interpolation.js';
import { resizeSmallestSide } from '../../images/resize.js';
import { type ByteSource, readImageBytes } from '../../images/source.js';
import { sha256 } from '../../io/files.js';
import { Moved } from '../../threads/messages.js';
import { serve } from '../../threads/serve.js';
import { digestOf } from '../nets/digests.js';
import { type Draw, cropInto } from './augmentation.js';
import { type ColourSums, addImage, emptySums } from './pixel-statistics.js';
import type { InputNormalisation } from '../nets/backbone.js';

/** An image to prepare as row `row` of the batch. */
export interface ImageTask {
  readonly row: number;
  readonly source: ByteSource;
  readonly path: string;
  readonly draw: Draw;
  /** Send the scaled pixels back too. */
  readonly keep: boolean;
  /** Send the digest of its bytes back. */
  readonly digest: boolean;
}

/** Images of one batch. */
export interface BatchTask {
  readonly images: readonly ImageTask[];
  readonly interpolation: Interpolation;
  /** Images are turned as their EXIF orientation says. */
  readonly orient?: boolean | undefined;
  readonly crop: number;
  /** Where the crops go. */
  readonly memory: SharedArrayBuffer;
  readonly input: InputNormalisation;
}

/** What became of an image: the pixels if they were to be kept, the reason if it cannot be used. */
export interface PreparedImage {
  readonly row: number;
  readonly pixels?: RgbImage;
  readonly digest?: number;
  readonly reason?: string;
}

/** Images scaled to the smallest side `side`. */
export interface ScaledTask {
  readonly images: readonly { readonly source: ByteSource; readonly path: string }[];
  readonly interpolation: Interpolation;
  /** Images are turned as their EXIF orientation says. */
  readonly orient?: boolean | undefined;
  readonly side: number;
}

/** The sums over the images that can be read, and why each of the others cannot. */
export interface MeasuredColours {
  readonly sums: ColourSums;
  readonly unreadable: readonly { readonly index: number; readonly reason: string }[];
}

export type ImageDigest = { readonly digest: number } | { readonly reason: string };

/** What `read` gives, or the reason why the image cannot be used. */
const orReason = async <T>(read: () => Promise<T>): Promise<T | { readonly reason: string }> => {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ImageError) return { reason: error.reason };
    throw new VerydeepError(`Cannot prepare images: ${messageOf(error)}.`, { cause: error });
  }
};

const scaled = async (
  bytes: Uint8Array,
  path: string,
  side: number,
  { interpolation, orient = false }: Pick<BatchTask, 'interpolation' | 'orient'>,
): Promise<RgbImage> => resizeSmallestSide(await decode(bytes, path, { orient }), side, interpolation, path);

const batch = async (task: BatchTask): Promise<Moved<readonly PreparedImage[]>> => {
  const { crop, memory, input } = task;
  const all: PreparedImage[] = [];
  for (const { row, source, path, draw, keep, digest } of task.images) {
    const result = await orReason(async () => {
      const bytes = await readImageBytes(source, path);
      const image = await scaled(bytes, path, draw.side, task);
      cropInto(new Float32Array(memory), row * crop * crop * 3, image, crop, draw, input);
      return {
        ...(keep && { pixels: { ...image, data: new Uint8Array(image.data) } }),
        ...(digest && { digest: digestOf(sha256(bytes)) }),
      };
    });
    all.push({ row, ...result });
  }
  return new Moved(
    all,
    all.flatMap(({ pixels }) => (pixels ? [pixels.data.buffer as ArrayBuffer] : [])),
  );
};

const colours = async ({ images, side, ...how }: ScaledTask): Promise<MeasuredColours> => {
  const sums = emptySums();
  const unreadable: { index: number; reason: string }[] = [];
  for (const [index, { source, path }] of images.entries()) {
    const result = await orReason(async () => scaled(await readImageBytes(source, path), path, side, how));
    if ('reason' in result) unreadable.push({ index, reason: result.reason });
    else addImage(sums, result);
  }
  return { sums, unreadable };
};

/** Digests of images that can be decoded and scaled; of the others the reasons. */
const digests = async ({ images, side, ...how }: ScaledTask): Promise<readonly ImageDigest[]> => {
  const all: ImageDigest[] = [];
  for (const { source, path } of images) {
    all.push(
      await orReason(async () => {
        const bytes = await readImageBytes(source, path);
        await scaled(bytes, path, side, how);
        return { digest: digestOf(sha256(bytes)) };
      }),
    );
  }
  return all;
};

const handlers = { batch, colours, digests };
export type ImageHandlers = typeof handlers;

serve(() => ({ handlers }));
