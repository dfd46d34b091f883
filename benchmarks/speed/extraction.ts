// Extraction with full-size VGG-16, compared with the machine's peak, ONNX Runtime alone, PyTorch, and ONNX Runtime in Python.
import { join } from 'node:path';
import { openBackbone } from '../../src/backbone/nets/backbone.js';
import { calibrate } from '../../src/backbone/int8/calibration.js';
import { compileGraph } from '../../src/backbone/nets/graph.js';
import { compileInt8Graph } from '../../src/backbone/int8/graph.js';
import { writeQuantised } from '../../src/backbone/int8/quantise.js';
import { int8Support } from '../../src/backbone/int8/vnni.js';
import { loadImage } from '../../src/images/decode.js';
import { resizeSmallestSide } from '../../src/images/resize.js';
import { cache, jpegs, vgg16File } from './extraction/data.js';
import { graphRows } from './extraction/graphs.js';
import { memoryRows, pipelineRows } from './extraction/whole.js';
import { measurePeak } from './peak.js';
import type { Row, SpeedBenchmark } from './row.js';

export const run: SpeedBenchmark = async ({ threads, quick, onNote }) => {
  onNote('making VGG-16 and JPEGs …');
  const backbone = await openBackbone(await vgg16File());
  const items = await jpegs(40);
  const viewOf = async (i: number, side: number) =>
    resizeSmallestSide(await loadImage(items[i]!.source), side, 'lanczos3');
  const image = await viewOf(0, 384);
  const peak = await measurePeak(threads);

  onNote('int8 ranges …');
  const ranges = calibrate(backbone, await Promise.all([0, 1, 2, 3].map((i) => viewOf(i, 256))), threads);
  const quantised = join(cache, 'vgg16-random-int8.safetensors');
  const source = await backbone.sha256();
  const { bits } = int8Support();
  await writeQuantised(quantised, backbone, { format: 1, source, bits, ranges, calibration: 'bench' });
  const options = { layers: ['fc7'], flip: false };
  const fp32 = compileGraph(backbone, options);
  const int8 = await compileInt8Graph(quantised, backbone, options);

  const rows: Row[] = [];
  rows.push(...(await graphRows({ backbone, fp32, int8, image, threads, rounds: quick ? 2 : 20, onNote })));
  onNote('whole pipeline …');
  const [images, rounds] = quick ? [8, 1] : [40, 2];
  rows.push(...(await pipelineRows({ fp32, image, threads, images, rounds, peak })));
  onNote('memory …');
  rows.push(...(await memoryRows(quick ? 20 : 500, quick ? 2 : 10, threads)));
  return { rows, facts: peak === undefined ? {} : { peakGflops: Math.round(peak) } };
};
