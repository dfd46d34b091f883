// How the time of an int8 extraction with VGG-16 grows with images, scales and shards.
import { type Row, type SpeedBenchmark, row } from './row.js';
import { pipeline } from './extraction.js';

const SCALES = [256, 384, 512, 640, 768];

/** What the plot reads from a row's case. */
const caseOf = (images: number, scales: readonly number[], shards: number): string =>
  `${images} images, scales ${scales.join(' ')}, ${shards} shard${shards > 1 ? 's' : ''}`;

export const run: SpeedBenchmark = async ({ threads, quick, onNote }) => {
  const rows: Row[] = [];
  const common = { precision: 'int8', mixed: false, flip: false, threads } as const;
  const measure = async (images: number, scales: readonly number[], shards = 1) => {
    const name = caseOf(images, scales, shards);
    onNote(`${name} …`);
    const each = [];
    for (let index = 0; index < shards; index++)
      each.push(await pipeline({ ...common, images, scales, shard: { index, count: shards } }));
    return {
      name,
      seconds: Math.max(...each.map(({ seconds }) => seconds)),
      megapixels: each.reduce((sum, { megapixels }) => sum + megapixels, 0),
    };
  };
  const add = (
    { name, seconds }: { name: string; seconds: number },
    peer: number | null,
    peerName: string,
    figure: number | null,
    target: number | null,
  ) =>
    rows.push(row({ case: name, unit: 's', ours: seconds, peer, peerName, figure, target, better: 'lower' }));

  const counts = quick ? [8, 16, 24] : [64, 128, 256, 512];
  onNote('calibration …');
  await measure(1, [256]);
  const times = [];
  for (const count of counts) {
    const result = await measure(count, [256]);
    times.push({ ...result, count });
    const [a, b, c] = times.slice(-3);
    const slopes = c && [
      (b!.seconds - a!.seconds) / (b!.count - a!.count),
      (c.seconds - b!.seconds) / (c.count - b!.count),
    ];
    add(
      result,
      slopes ? slopes[0]! * 1000 : null,
      slopes ? 'ms for each further image, one row before' : 'the first rows',
      slopes ? slopes[1]! / slopes[0]! : null,
      slopes ? 1.1 : null,
    );
  }
  const few = quick ? 2 : 16;
  const list = quick ? SCALES.slice(0, 2) : SCALES;
  let perMegapixel: number | undefined;
  for (let n = 1; n <= list.length; n++) {
    if (n > 1) await measure(1, list.slice(0, n)); // Calibration, which depends on the scales.
    const result = await measure(few, list.slice(0, n));
    const rate = result.seconds / result.megapixels;
    perMegapixel ??= rate;
    add(result, perMegapixel * result.megapixels, 'one scale, by the pixels', rate / perMegapixel, 1.1);
  }
  const whole = quick ? 72 : 512;
  let single: number | undefined;
  for (const shards of quick ? [1, 2] : [1, 2, 4, 8]) {
    const result = await measure(whole, [256], shards);
    single ??= result.seconds;
    add(result, single / shards, 'one run, divided by the shards', (result.seconds * shards) / single, null);
  }
  return { rows };
};
