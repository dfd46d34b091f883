// Fuzzing of the readers of weight files: real files are damaged, and every input must give numbers or a plain refusal.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { VerydeepError } from '../../src/errors.js';
import { openCaffe } from '../../src/backbone/weights/importers/caffe.js';
import { Hdf5Worker } from '../../src/formats/hdf5.js';
import { metadataOf, tensorsOf } from '../../src/backbone/weights/importers/import.js';
import { openKeras, openKerasZip } from '../../src/backbone/weights/importers/keras.js';
import { openMatConvNet } from '../../src/backbone/weights/importers/matconvnet.js';
import { openOnnxSource } from '../../src/backbone/weights/importers/onnx.js';
import { openWeights } from '../../src/backbone/weights/importers/recognise.js';
import { recogniseNet } from '../../src/backbone/weights/importers/recognise-net.js';
import { openSafetensorsSource } from '../../src/backbone/weights/importers/safetensors.js';
import type { WeightSource } from '../../src/backbone/weights/importers/source.js';
import { openTfjs } from '../../src/backbone/weights/importers/tfjs.js';
import { openTorchLegacySource, openTorchZipSource } from '../../src/backbone/weights/importers/torch.js';
import { weightShapes } from '../../src/backbone/nets/architecture.js';
import { Random } from '../../src/random.js';
import { fixture } from '../support.js';
import { mutate } from './mutate.js';

/** A reader under test: the files to damage, those that lie beside them, and how they are opened. */
interface Target {
  readonly files: readonly string[];
  readonly beside?: readonly string[];
  readonly open: (path: string, worker: () => Promise<Hdf5Worker>) => Promise<WeightSource>;
}

/** How long the HDF5 library may be busy with one question here; users wait for a minute. */
const ANSWER_SECONDS = 1;

/** How long the library may take to start: a machine full of other work starves a process that gives way. */
const STARTING_SECONDS = 600;

/** A worker that stays for the next input; it is replaced only when it ended. */
class LastingWorker extends Hdf5Worker {
  ended = false;

  constructor() {
    super(ANSWER_SECONDS);
  }

  /** Waits until the library is there, which is no part of an answer's time: it is asked for an undamaged file. */
  async ready(path: string): Promise<void> {
    await this.index({ path, size: statSync(path).size }, STARTING_SECONDS);
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  async end(): Promise<void> {
    this.ended = true;
    await super.close();
  }
}

export const targets: Readonly<Record<string, Target>> = {
  safetensors: {
    files: ['torchvision-vgg11.safetensors', 'timm-vgg16.safetensors'],
    open: (path) => openSafetensorsSource(path),
  },
  'torch-zip': {
    files: ['torch-checkpoint.pth', 'torch-vgg11-bn.pth', 'torch-lightning.ckpt'],
    open: (path) => openTorchZipSource(path),
  },
  'torch-legacy': { files: ['torch-vgg19-legacy.pth'], open: (path) => openTorchLegacySource(path) },
  caffe: {
    files: [
      'caffe-v0-vgg11.caffemodel',
      'caffe-v1-vgg16.caffemodel',
      'caffe-v2-c.caffemodel',
      'caffe-v2-trained.caffemodel',
    ],
    open: openCaffe,
  },
  onnx: {
    files: [
      ...['onnx-matmul-external.onnx', 'onnx-torch-vgg11-bn.onnx', 'onnx-zoo-vgg16-7.onnx'],
      ...['onnx-tf2onnx-vgg11.onnx', 'onnx-halves.onnx', 'onnx-torch-padded.onnx'],
    ],
    beside: ['onnx-matmul-external.bin'],
    open: openOnnxSource,
  },
  matconvnet: { files: ['matconvnet-vgg11-old.mat', 'matconvnet-vgg16.mat'], open: openMatConvNet },
  tfjs: {
    files: ['tfjs-vgg11/model.json'],
    beside: ['tfjs-vgg11/group1-shard1of2.bin', 'tfjs-vgg11/group1-shard2of2.bin'],
    open: openTfjs,
  },
  keras: {
    files: ['keras-vgg16.h5', 'keras-vgg13.weights.h5', 'keras-nested-model.h5'],
    open: async (path, worker) => openKeras(path, await worker()),
  },
  'keras-archive': {
    files: ['keras-nested.keras'],
    open: async (path, worker) => openKerasZip(path, await worker()),
  },
  recognise: {
    files: [
      'torchvision-vgg11.safetensors',
      'caffe-v0-vgg11.caffemodel',
      'onnx-matmul-external.onnx',
      'torch-checkpoint.pth',
    ],
    open: (path) => openWeights(path),
  },
};

export interface FuzzReport {
  readonly parser: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  /** Of those refused: the HDF5 library was busy for longer than it may, and was thrown away. */
  readonly silent: number;
  /** Numbers of the inputs that ended otherwise than in numbers or a refusal, with what was thrown. */
  readonly faults: readonly string[];
  readonly slowestMs: number;
  /** Growth of the process's memory over the run, from after the first inputs to its peak. */
  readonly memoryGrowthMB: number;
  readonly seconds: number;
}

const drain = async (path: string, source: WeightSource): Promise<void> => {
  try {
    const { net, sizes } = recogniseNet(path, source);
    metadataOf(path, source, net);
    const read = tensorsOf(path, source, net, sizes);
    for (const name of weightShapes(net).keys()) {
      for await (const piece of read(name)) if (piece.length < 0) throw new Error('unreachable');
    }
  } finally {
    await source.close();
  }
};

const WARM_UP = 50;
/** The HDF5 library keeps damaged files open: after so many inputs it gets a fresh worker. */
const INPUTS_A_WORKER = 100;

/**
 * Damages real files `inputs` times and reads each to the end.
 *
 * @param seed the same seed gives the same inputs
 * @param minutes ends earlier after so long; the report says how many inputs were run
 */
export const fuzz = async (
  parser: string,
  inputs: number,
  seed: number,
  onProgress: (done: number) => void = () => undefined,
  minutes = Infinity,
): Promise<FuzzReport> => {
  const target = targets[parser]!;
  const folder = mkdtempSync(join(tmpdir(), 'verydeep-fuzz-'));
  const originals = target.files.map((name) => readFileSync(fixture('weights', name)));
  const path = join(folder, 'x', basename(target.files[0]!));
  mkdirSync(dirname(path));
  for (const name of target.beside ?? []) {
    writeFileSync(join(dirname(path), basename(name)), readFileSync(fixture('weights', name)));
  }
  let worker: LastingWorker | undefined;
  const freshWorker = async (): Promise<Hdf5Worker> => {
    if (worker && !worker.ended) return worker;
    worker = new LastingWorker();
    await worker.ready(fixture('weights', 'keras-vgg16.h5'));
    return worker;
  };
  const faults: string[] = [];
  let [accepted, refused, silent, slowest, base, peak] = [0, 0, 0, 0, 0, 0];
  const began = performance.now();
  try {
    for (let i = 0; i < inputs && performance.now() - began < minutes * 60_000; i++) {
      const random = new Random('fuzz', parser, seed, i);
      // A new file each time: HDF5 knows files by their inode, and would go on with one whose objects are still open.
      rmSync(path, { force: true });
      if (i % INPUTS_A_WORKER === 0) await worker?.end();
      writeFileSync(path, mutate(originals[random.below(originals.length)]!, random));
      const start = performance.now();
      try {
        await drain(path, await target.open(path, freshWorker));
        accepted++;
      } catch (error) {
        if (error instanceof VerydeepError) refused++;
        else
          faults.push(
            `input ${i}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          );
        const message = error instanceof Error ? error.message : '';
        if (message.includes('no answer')) silent++;
        // After a crash or silence of the HDF5 library the next input gets a fresh worker.
        if (
          /ended with code|closed|no answer|memory access|unreachable|table index|out of bounds|Aborted/.test(
            message,
          )
        )
          await worker?.end();
      }
      slowest = Math.max(slowest, performance.now() - start);
      if (i % 16 === 0) {
        const { rss } = process.memoryUsage();
        if (i <= WARM_UP) base = Math.max(base, rss);
        peak = Math.max(peak, rss);
      }
      onProgress(i + 1);
    }
  } finally {
    await worker?.end();
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    parser,
    inputs: accepted + refused + faults.length,
    accepted,
    refused,
    silent,
    faults,
    slowestMs: Math.round(slowest),
    memoryGrowthMB: Math.round((peak - base) / 2 ** 20),
    seconds: Math.round((performance.now() - began) / 100) / 10,
  };
};
