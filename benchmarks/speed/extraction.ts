// Extraction with VGG-16 at full size: against the machine's peak, ONNX Runtime alone, PyTorch and ONNX Runtime in Python.
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openBackbone } from '../../src/backbone/backbone.js';
import { calibrate } from '../../src/backbone/calibration.js';
import { type CompiledGraph, compileGraph } from '../../src/backbone/graph.js';
import { compileInt8Graph } from '../../src/backbone/int8-graph.js';
import { writeQuantised } from '../../src/backbone/quantise.js';
import { int8Support } from '../../src/backbone/vnni.js';
import { Session } from '../../src/engine/session.js';
import { loadImage } from '../../src/images/decode.js';
import { type RgbImage } from '../../src/images/image.js';
import { resizeSmallestSide } from '../../src/images/resize.js';
import { cache, flopsOf, jpegs, vgg16File } from './extraction/data.js';
import { askTransformers } from './extraction/transformers.js';
import type { Measured, PipelineCase } from './extraction/pipeline.js';
import { measurePeak } from './peak.js';
import { askPython } from './python.js';
import { type Row, type SpeedBenchmark, bestTime, missingRow, row } from './row.js';

/** Runs an extraction in a process of its own. */
export const pipeline = async (facts: PipelineCase): Promise<Measured> => {
  const script = fileURLToPath(new URL('./extraction/pipeline.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(facts)], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measured;
};

/** Milliseconds of the graph alone on one image. */
const graphTime = async (
  graph: CompiledGraph,
  { width, height, data }: RgbImage,
  threads: number,
  repetitions: number,
): Promise<number> => {
  const { model, externalDataFolder } = graph;
  const session = Session.create(model, {
    threads,
    externalDataFolder,
    config: { 'session.use_env_allocators': '0' },
  });
  try {
    return await bestTime(repetitions, () => {
      session.run({ pixels: { type: 'uint8', dims: [1, height, width, 3], data } });
    });
  } finally {
    session.close();
  }
};

/** PyTorch with the dense net, channels last, oneDNN: the best of several runs in fp32 and bf16, milliseconds. */
const TORCH = `
import json, sys, time, torch
from torch import nn
q = json.load(sys.stdin)
torch.set_num_threads(q['threads'])
layers, c = [], 3
for block in ([64]*2, [128]*2, [256]*3, [512]*3, [512]*3):
    for o in block:
        layers += [nn.Conv2d(c, o, 3, padding=1), nn.ReLU(True)]
        c = o
    layers.append(nn.MaxPool2d(2))
layers += [nn.Conv2d(512, 4096, 7), nn.ReLU(True), nn.Conv2d(4096, 4096, 1), nn.ReLU(True)]
net = nn.Sequential(*layers).eval().to(memory_format=torch.channels_last)
x = torch.randn(1, 3, q['height'], q['width']).contiguous(memory_format=torch.channels_last)
def best(dtype):
    times = []
    with torch.inference_mode(), torch.autocast('cpu', dtype=torch.bfloat16, enabled=dtype == 'bf16'):
        for _ in range(q['repetitions'] + 1):
            start = time.perf_counter()
            net(x).mean((2, 3))
            times.append(1000 * (time.perf_counter() - start))
    return min(times[1:])
print(json.dumps({'fp32': best('fp32'), 'bf16': best('bf16'), 'version': torch.__version__}))
`;

/** ONNX Runtime in Python on the very same model file. */
const ORT = `
import json, sys, time, numpy, onnxruntime
q = json.load(sys.stdin)
o = onnxruntime.SessionOptions()
o.intra_op_num_threads = q['threads']
s = onnxruntime.InferenceSession(q['model'], o, providers=['CPUExecutionProvider'])
x = numpy.random.default_rng(1).integers(0, 256, (1, q['height'], q['width'], 3), dtype=numpy.uint8)
times = []
for _ in range(q['repetitions'] + 1):
    start = time.perf_counter()
    s.run(None, {'pixels': x})
    times.append(1000 * (time.perf_counter() - start))
print(json.dumps({'fp32': min(times[1:]), 'version': onnxruntime.__version__}))
`;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const tenth = ({ resident }: Measured): number => Math.max(1, Math.floor(resident.length / 10));

/** Resident memory over the last tenth of the images, MiB. */
const lastResident = (measured: Measured): number => mean(measured.resident.slice(-tenth(measured)));

/** Growth of resident memory: the last tenth of the images against as many from image 50 on (or from a third on). */
const growth = (measured: Measured): number => {
  const from = Math.min(50, Math.floor(measured.resident.length / 3));
  return lastResident(measured) / mean(measured.resident.slice(from, from + tenth(measured))) - 1;
};

export const run: SpeedBenchmark = async ({ threads, quick, onNote }) => {
  const rows: Row[] = [];
  const repetitions = quick ? 2 : 6;
  onNote('making VGG-16 and JPEGs …');
  const path = await vgg16File();
  const backbone = await openBackbone(path);
  const items = await jpegs(40);
  const image = await resizeSmallestSide(await loadImage(items[0]!.source), 384, 'lanczos3');
  const { width, height } = image;
  const size = `VGG-16 fc7, ${width}x${height}`;
  const peak = await measurePeak(threads);

  onNote('int8 ranges …');
  const views = await Promise.all(
    items.slice(0, 4).map(async ({ source }) => resizeSmallestSide(await loadImage(source), 256, 'lanczos3')),
  );
  const ranges = calibrate(backbone, views, threads);
  const quantised = join(cache, 'vgg16-random-int8.safetensors');
  const source = await backbone.sha256();
  await writeQuantised(quantised, backbone, {
    format: 1,
    source,
    bits: int8Support().bits,
    ranges,
    calibration: 'bench',
  });
  const options = { layers: ['fc7'], flip: false };
  const float = compileGraph(backbone, options);
  const integer = await compileInt8Graph(quantised, backbone, options);

  const alone: Record<string, number> = {};
  for (const count of [...new Set([1, threads])]) {
    onNote(`graphs alone, ${count} thread${count > 1 ? 's' : ''} …`);
    const fp32 = await graphTime(float, image, count, repetitions);
    const int8 = await graphTime(integer, image, count, repetitions);
    [alone[`fp32 ${count}`], alone[`int8 ${count}`]] = [fp32, int8];
    rows.push(
      row({
        case: `${size}, int8 against fp32, ${count} threads`,
        unit: 'ms',
        ours: int8,
        peer: fp32,
        peerName: 'our fp32',
        figure: fp32 / int8,
        target: count === 1 ? 3.2 : 2.9,
        better: 'higher',
      }),
    );
  }

  const fp32Alone = alone[`fp32 ${threads}`]!;
  onNote('PyTorch …');
  const torch = await askPython<{ fp32: number; bf16: number; version: string }>(['torch==2.13.0'], TORCH, {
    threads,
    repetitions,
    width,
    height,
  });
  const torchCases = [
    { case: `${size}, fp32`, ours: fp32Alone, against: 'fp32', target: 1 },
    {
      case: `${size}, int8 against PyTorch fp32`,
      ours: alone[`int8 ${threads}`]!,
      against: 'fp32',
      target: 3,
    },
    {
      case: `${size}, int8 against PyTorch bf16`,
      ours: alone[`int8 ${threads}`]!,
      against: 'bf16',
      target: 1.6,
    },
  ] as const;
  for (const { case: name, ours, against, target } of torchCases) {
    const common = { case: name, unit: 'ms', target, better: 'higher' } as const;
    rows.push(
      typeof torch === 'string'
        ? missingRow(common, torch)
        : row({
            ...common,
            ours,
            peer: torch[against],
            peerName: `PyTorch ${torch.version} ${against}, channels_last, oneDNN, ${threads} threads, malloc kept`,
            figure: torch[against] / ours,
          }),
    );
  }
  onNote('ONNX Runtime in Python …');
  const model = join(cache, 'vgg16-random.onnx');
  await writeFile(model, float.model);
  const ort = await askPython<{ fp32: number; version: string }>(['onnxruntime==1.30.0', 'numpy'], ORT, {
    threads,
    repetitions,
    width,
    height,
    model,
  });
  await rm(model, { force: true });
  const ortCase = {
    case: `${size}, fp32, the same graph`,
    unit: 'ms',
    target: 0.97,
    better: 'higher',
  } as const;
  rows.push(
    typeof ort === 'string'
      ? missingRow(ortCase, ort)
      : row({
          ...ortCase,
          ours: fp32Alone,
          peer: ort.fp32,
          peerName: `onnxruntime ${ort.version} in Python, ${threads} threads`,
          figure: ort.fp32 / fp32Alone,
        }),
  );
  onNote('transformers.js …');
  const js = await askTransformers(backbone, { threads, repetitions, width, height });
  const jsCase = {
    case: `${size}, fp32 against transformers.js`,
    unit: 'ms',
    target: 1,
    better: 'higher',
  } as const;
  rows.push(
    typeof js === 'string'
      ? missingRow(jsCase, js)
      : row({
          ...jsCase,
          ours: fp32Alone,
          peer: js.fp32,
          peerName: `transformers.js ${js.version}, a local model of the same weights, ${threads} threads`,
          figure: js.fp32 / fp32Alone,
        }),
  );

  onNote('whole pipeline …');
  const images = quick ? 8 : 40;
  const common = { scales: [384], mixed: false, flip: false, threads } as const;
  const whole = await pipeline({ ...common, precision: 'fp32', images });
  rows.push(
    row({
      case: `${images} JPEGs 500x375, Q=384, whole pipeline against ONNX Runtime alone, fp32`,
      unit: 'ms/image',
      ours: whole.milliseconds,
      peer: fp32Alone,
      peerName: 'the graph alone, in this process',
      figure: whole.milliseconds / fp32Alone,
      target: 1.1,
      better: 'lower',
    }),
  );
  const gflops = flopsOf(height, width) / whole.milliseconds / 1e6;
  const share = {
    case: 'share of the fp32 peak, whole pipeline, Q=384',
    unit: 'GFLOPS',
    target: 0.65,
    better: 'higher',
  } as const;
  rows.push(
    peak === undefined
      ? missingRow(share, 'no loop to measure the peak of this processor')
      : row({
          ...share,
          ours: gflops,
          peer: peak,
          peerName: 'multiply-adds on registers',
          figure: gflops / peak,
        }),
  );

  onNote('memory …');
  const many = quick ? 20 : 500;
  const memory = { scales: [224], images: many, mixed: true, flip: false, threads } as const;
  const [fp32Memory, int8Memory] = [
    await pipeline({ ...memory, precision: 'fp32' }),
    await pipeline({ ...memory, precision: 'int8' }),
  ];
  for (const [name, measured] of [
    ['fp32', fp32Memory],
    ['int8', int8Memory],
  ] as const) {
    rows.push(
      row({
        case: `${many} images of mixed sizes, growth of resident memory from image ${Math.min(50, Math.floor(many / 3))} on, ${name}`,
        unit: 'MiB',
        ours: lastResident(measured),
        peer: null,
        peerName: '–',
        figure: growth(measured),
        target: 0.03,
        better: 'lower',
      }),
    );
  }
  rows.push(
    row({
      case: 'resident memory, int8 against fp32',
      unit: 'MiB',
      ours: lastResident(int8Memory),
      peer: lastResident(fp32Memory),
      peerName: 'our fp32',
      figure: lastResident(int8Memory) / lastResident(fp32Memory),
      target: 0.4,
      better: 'lower',
    }),
  );
  return { rows, facts: { ...(peak === undefined ? {} : { peakGflops: Math.round(peak) }) } };
};
