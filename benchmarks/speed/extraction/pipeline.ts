// Runs one extraction, as a separate process, and prints times and resident memory as JSON.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Provider } from '../../../src/engine/session.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import type { Shard } from '../../../src/features/store/list.js';
import { jpegs, vgg16File } from './data.js';

/** What is measured: see `Measured`. */
export interface PipelineCase {
  readonly precision: 'fp32' | 'int8';
  readonly scales: readonly number[];
  readonly images: number;
  readonly mixed: boolean;
  readonly flip: boolean;
  readonly threads: number;
  readonly provider?: Provider;
  /** Limits the run to this shard of the images. */
  readonly shard?: Shard;
}

export interface Measured {
  /** Milliseconds per image, between the ends of the first and the last image. */
  readonly milliseconds: number;
  readonly megapixels: number;
  /** Seconds of the whole extraction, with loading of nets and writing of parts. */
  readonly seconds: number;
  /** Resident memory in MiB after each image. */
  readonly resident: readonly number[];
}

const measure = async (facts: PipelineCase): Promise<Measured> => {
  const { precision, scales, images, mixed, flip, threads, shard, provider } = facts;
  const items = await jpegs(images, mixed);
  const folder = await mkdtemp(join(tmpdir(), 'verydeep-bench-'));
  const resident: number[] = [];
  const times: number[] = [];
  try {
    const { run } = await extractFeatures(
      items,
      [await vgg16File()],
      { precision, scales, flip },
      {
        out: folder,
        threads,
        ...(shard === undefined ? {} : { shard }),
        ...(provider === undefined ? {} : { provider }),
        int8: { allowLowFidelity: true, calibration: await jpegs(9, mixed), calibrationImages: 6 },
        onProgress: ({ task }) => {
          if (task !== 'extract') return;
          times.push(performance.now());
          resident.push(process.memoryUsage.rss() / 2 ** 20);
        },
      },
    );
    // Prefetching makes images end in groups of three or four: only the span from first to last is meaningful.
    return {
      milliseconds: (times.at(-1)! - times[0]!) / (times.length - 1),
      megapixels: run.megapixels,
      seconds: run.seconds,
      resident,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await measure(JSON.parse(process.argv[2]!) as PipelineCase);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
