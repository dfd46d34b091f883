// Growth of the time of an int8 extraction with VGG-16 in the number of images, scales and shards.
import { type Comparison, type Growing, type ScalePoint, first, scaleRow } from './extraction/scale.js';
import { pipeline } from './extraction/whole.js';
import type { Row, SpeedBenchmark } from './row.js';

const SCALES = [256, 384, 512, 640, 768];

/** Largest ratio to linear growth. */
const STRAIGHT = 1.1;

type Run = ScalePoint & { readonly megapixels: number };

/** Fixed seconds, and seconds per image, from a short and a long run. */
const lineThrough = (a: Run, b: Run): { readonly start: number; readonly slope: number } => {
  const slope = (b.seconds - a.seconds) / (b.images - a.images);
  return { start: a.seconds - slope * a.images, slope };
};

export const run: SpeedBenchmark = async ({ threads, quick, onNote }) => {
  const rows: Row[] = [];
  const measure = async (
    what: Growing,
    images: number,
    scales: readonly number[],
    shards = 1,
  ): Promise<Run> => {
    onNote(`${images} images, scales ${scales.join(' ')}, ${shards} shards …`);
    const each = [];
    for (let index = 0; index < shards; index++)
      each.push(
        await pipeline({
          ...{ precision: 'int8', mixed: false, flip: false, threads },
          ...{ images, scales, shard: { index, count: shards } },
        }),
      );
    const seconds = Math.max(...each.map((one) => one.seconds));
    const megapixels = each.reduce((sum, one) => sum + one.megapixels, 0);
    return { what, images, scales, shards, seconds, megapixels };
  };
  const add = (point: Run, comparison: Comparison) => rows.push(scaleRow(point, comparison));
  /** Calibrates the net for a list of scales, before anything is timed. */
  const calibrate = (scales: readonly number[]) => measure('images', 1, scales);

  const [one] = SCALES;
  await calibrate([one!]);
  const byImages: Run[] = [];
  for (const count of quick ? [8, 16, 24] : [32, 64, 128, 256])
    byImages.push(await measure('images', count, [one!]));
  const { start, slope } = lineThrough(byImages[0]!, byImages.at(-1)!);
  for (const [i, point] of byImages.entries()) {
    const line = start + slope * point.images;
    const peerName = `a straight line: ${start.toFixed(1)} s and ${(1000 * slope).toFixed(0)} ms an image`;
    const between = i > 0 && i < byImages.length - 1; // The first and the last define the line.
    add(point, between ? { peer: line, peerName, figure: point.seconds / line, target: STRAIGHT } : first);
  }

  const few = quick ? 2 : 16;
  let perMegapixel: number | undefined;
  for (let n = 1; n <= (quick ? 2 : SCALES.length); n++) {
    const scales = SCALES.slice(0, n);
    if (n > 1) await calibrate(scales);
    const point = await measure('scales', few, scales);
    perMegapixel ??= (point.seconds - start) / point.megapixels;
    const peer = start + perMegapixel * point.megapixels;
    const peerName = 'one scale, by the pixels';
    add(point, n === 1 ? first : { peer, peerName, figure: point.seconds / peer, target: STRAIGHT });
  }

  const whole = quick ? 72 : 256; // Parts hold 64 images.
  const single = await measure('shards', whole, [one!]);
  add(single, first);
  for (const shards of quick ? [2] : [2, 4]) {
    const point = await measure('shards', whole, [one!], shards);
    const peer = start + (single.seconds - start) / shards;
    const peerName = 'the images of one run, divided by the shards';
    add(point, { peer, peerName, figure: point.seconds / peer, target: STRAIGHT });
  }
  return { rows };
};
