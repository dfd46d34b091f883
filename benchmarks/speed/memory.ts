// The memory that was reckoned for a run against the peak of what was resident, each run in a process of its own.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UsageError } from '../../src/errors.js';
import type { MemoryCase, MemoryMeasured } from './memory/measure.js';
import { type Row, type SpeedBenchmark, row } from './row.js';

/** How far it may be off. */
const OFF = 0.15;

const nets: readonly (readonly [
  name: string,
  training: Extract<MemoryCase, { training: object }>['training'],
])[] = [
  ['A at 224, 4 of 8 images', { config: 'A', batch: 8, microBatch: 4 }],
  ['A at 224, 8 of 16 images', { config: 'A', batch: 16, microBatch: 8 }],
  [
    'A-LRN at 112, 16 of 32 images',
    { config: 'A-LRN', blocks: 4, inputSize: 112, batch: 32, microBatch: 16 },
  ],
  ['B at 112, 16 images', { config: 'B', blocks: 4, inputSize: 112, batch: 16, microBatch: 16 }],
  ['C at 96, 8 of 16 images', { config: 'C', inputSize: 96, batch: 16, microBatch: 8 }],
  ['D at 112, 8 of 16 images', { config: 'D', blocks: 4, inputSize: 112, batch: 16, microBatch: 8 }],
  ['D at 224, 2 of 4 images', { config: 'D', batch: 4, microBatch: 2 }],
  [
    'A, a quarter wide, at 32, 256 images',
    { config: 'A', width: 0.25, inputSize: 32, fullyConnected: 512, batch: 256, microBatch: 256 },
  ],
  [
    'D, batch normalisation, half wide, at 64, 32 of 64 images',
    {
      config: 'D',
      batchNorm: true,
      width: 0.5,
      inputSize: 64,
      fullyConnected: 512,
      batch: 64,
      microBatch: 32,
    },
  ],
];

const extractions: readonly (readonly [precision: 'fp32' | 'int8', scale: number])[] = [
  ['fp32', 224],
  ['fp32', 384],
  ['fp32', 512],
  ['int8', 256],
];

/** The cases by the names that `--size` takes. */
const cases: Readonly<Record<string, readonly (readonly [name: string, run: MemoryCase])[]>> = {
  training: nets.map(([name, training]) => [`training, ${name}`, { training }] as const),
  extraction: extractions.map(
    ([precision, scale]) =>
      [`extraction, VGG-16, Q=${scale}, ${precision}`, { extraction: { precision, scale } }] as const,
  ),
};

const measure = async (run: MemoryCase, threads: number): Promise<MemoryMeasured> => {
  const script = fileURLToPath(new URL('./memory/measure.js', import.meta.url));
  const asked = 'training' in run ? { training: { ...run.training, threads } } : run;
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(asked)], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as MemoryMeasured;
};

export const run: SpeedBenchmark = async ({ threads, quick, size, onNote }) => {
  const rows: Row[] = [];
  if (size !== undefined && !(size in cases))
    throw new UsageError(`Expected training or extraction for --size but received ${size}.`);
  const chosen = size === undefined ? Object.values(cases) : [cases[size]!];
  for (const [name, each] of chosen.flatMap((some) => (quick ? some.slice(-1) : some))) {
    onNote(`${name} …`);
    // The nets of an int8 extraction are calibrated once; what is measured finds that done.
    if ('extraction' in each && each.extraction.precision === 'int8') await measure(each, threads);
    const { peak, reckoned } = await measure(each, threads);
    rows.push(
      row({
        case: name,
        unit: 'GB',
        ours: peak / 1e9,
        peer: reckoned / 1e9,
        peerName: 'what was reckoned',
        figure: Math.abs(reckoned / peak - 1),
        target: OFF,
        better: 'lower',
      }),
    );
    onNote(`  ${(peak / 1e9).toFixed(3)} GB measured, ${(reckoned / 1e9).toFixed(3)} reckoned`);
  }
  return { rows };
};
