// Trains a few steps, or describes a few images, in a process of its own; prints its peak of resident memory and what was reckoned.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { architecture } from '../../../src/backbone/nets/architecture.js';
import { needsOfRun } from '../../../src/backbone/training/micro-batch.js';
import {
  type TrainingOptions,
  defaultSide,
  trainingOptions,
} from '../../../src/backbone/training/options.js';
import { trainBackbone } from '../../../src/backbone/training/train-backbone.js';
import { useEngine } from '../../../src/engine/engine.js';
import { extractFeatures } from '../../../src/features/pipeline/extract.js';
import { sizeOfExtraction } from '../../../src/features/pipeline/fit.js';
import { extractionNeeds } from '../../../src/features/pipeline/memory.js';
import { openNets } from '../../../src/features/pipeline/plan.js';
import { type Need, totalOf } from '../../../src/memory.js';
import { withDefaults } from '../../../src/options.js';
import { jpegs, vgg16File } from '../extraction/data.js';

/** A run: of the training of a net, or of an extraction with VGG-16. */
export type MemoryCase =
  | { readonly training: Partial<TrainingOptions> & { readonly batch: number } }
  | { readonly extraction: { readonly precision: 'fp32' | 'int8'; readonly scale: number } };

/** Bytes. */
export interface MemoryMeasured {
  readonly peak: number;
  readonly reckoned: number;
}

const classes = ['even', 'odd'] as const;
/** Different photographs of a training run, each taken again and again. */
const PHOTOGRAPHS = 32;
const STEPS = 2;

const train = async (
  given: Partial<TrainingOptions> & { readonly batch: number },
  out: string,
): Promise<Need[]> => {
  const photographs = await jpegs(PHOTOGRAPHS);
  const items = Array.from({ length: STEPS * given.batch }, (_, i) => ({
    ...photographs[i % PHOTOGRAPHS]!,
    id: `${i}`,
    labels: [classes[i % 2]!],
  }));
  const choice = { init: 'he', learningRate: 1e-5, epochs: 1, ...given } as const;
  const { microBatch } = await trainBackbone({ classes, train: items, validation: [] }, { ...choice, out });
  const options = withDefaults(trainingOptions, choice);
  const { config = 'A', width = 1, blocks = 5, inputSize = 224, fullyConnected = 4096 } = options;
  const net = architecture({
    ...{ config, width, blocks, inputSize, fullyConnected, outputs: classes.length },
    ...(options.batchNorm && { batchNorm: true }),
  });
  const side = defaultSide(inputSize);
  const engine = await useEngine({ threads: options.threads });
  try {
    const run = { ...options, net, trainSide: [side, side], factors: {} } as const;
    return needsOfRun(run, { train: items.length, validation: 0 }, engine)!(microBatch);
  } finally {
    engine.close();
  }
};

const extract = async (
  { precision, scale }: { readonly precision: 'fp32' | 'int8'; readonly scale: number },
  out: string,
): Promise<Need[]> => {
  const items = await jpegs(2);
  const file = await vgg16File();
  const choice = { precision, scales: [scale] };
  const machinery = { workers: 1 };
  const int8 = { force: true, calibration: await jpegs(3), calibrationImages: 2 };
  await extractFeatures(items, [file], choice, { out, ...machinery, int8 });
  const { backbones, recipe, inputSize } = await openNets([file], choice);
  return extractionNeeds(await sizeOfExtraction(backbones, recipe, inputSize, items));
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = JSON.parse(process.argv[2]!) as MemoryCase;
  const out = await mkdtemp(join(tmpdir(), 'verydeep-bench-'));
  try {
    const needs =
      'training' in asked ? await train(asked.training, out) : await extract(asked.extraction, out);
    const result: MemoryMeasured = {
      peak: 1024 * process.resourceUsage().maxRSS,
      reckoned: totalOf(needs),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
