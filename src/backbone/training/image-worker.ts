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
  /** The decoded image, if it is known: the file is not read then. */
  readonly decoded?: RgbImage | undefined;
  /** Also return the scaled pixels, or the decoded ones if they are at most `most` bytes. */
  readonly keep?: { readonly what: 'scaled' | 'decoded'; readonly most: number } | undefined;
  /** Also return the digest of the file's bytes. */
  readonly digest: boolean;
}

/** Images of one batch. */
export interface BatchTask {
  readonly images: readonly ImageTask[];
  readonly interpolation: Interpolation;
  /** Rotate images by their EXIF orientation. */
  readonly orient?: boolean | undefined;
  readonly crop: number;
  /** Receives the crops. */
  readonly memory: SharedArrayBuffer;
  readonly input: InputNormalisation;
}

/** The result for one image: the pixels if requested, the reason if it cannot be used. */
export interface PreparedImage {
  readonly row: number;
  readonly pixels?: RgbImage;
  readonly digest?: number;
  readonly reason?: string;
}

/** Images, scaled to the smallest side `side`. */
export interface ScaledTask {
  readonly images: readonly { readonly source: ByteSource; readonly path: string }[];
  readonly interpolation: Interpolation;
  /** Rotate images by their EXIF orientation. */
  readonly orient?: boolean | undefined;
  readonly side: number;
}

/** The sums over the readable images, and the reason for each unreadable one. */
export interface MeasuredColours {
  readonly sums: ColourSums;
  readonly unreadable: readonly { readonly index: number; readonly reason: string }[];
}

export type ImageDigest = { readonly digest: number } | { readonly reason: string };

/** The result of `read`, or the reason why the image cannot be used. */
const orReason = async <T>(read: () => Promise<T>): Promise<T | { readonly reason: string }> => {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ImageError) return { reason: error.reason };
    throw new VerydeepError(`Cannot prepare images: ${messageOf(error)}.`, { cause: error });
  }
};

type HowScaled = Pick<BatchTask, 'interpolation' | 'orient'>;

const scaled = async (
  bytes: Uint8Array,
  path: string,
  side: number,
  { interpolation, orient = false }: HowScaled,
): Promise<RgbImage> => resizeSmallestSide(await decode(bytes, path, { orient }), side, interpolation, path);

/** The pixels that the task wants back, in memory of their own. */
const keptOf = ({ keep }: ImageTask, decoded: RgbImage, image: RgbImage): { pixels?: RgbImage } => {
  const kept = keep?.what === 'scaled' ? image : decoded;
  if (!keep || (keep.what === 'decoded' && kept.data.length > keep.most)) return {};
  return { pixels: { ...kept, data: new Uint8Array(kept.data) } };
};

const batch = async (task: BatchTask): Promise<Moved<readonly PreparedImage[]>> => {
  const { crop, memory, input } = task;
  const all: PreparedImage[] = [];
  for (const each of task.images) {
    const { row, source, path, draw, digest } = each;
    const result = await orReason(async () => {
      const bytes = each.decoded ? undefined : await readImageBytes(source, path);
      const decoded = each.decoded ?? (await decode(bytes!, path, { orient: task.orient ?? false }));
      const image = await resizeSmallestSide(decoded, draw.side, task.interpolation, path);
      cropInto(new Float32Array(memory), row * crop * crop * 3, image, crop, draw, input);
      return {
        ...keptOf(each, decoded, image),
        ...(digest && bytes && { digest: digestOf(sha256(bytes)) }),
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

/** The digest of each image that can be decoded and scaled; for the others, the reason. */
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
