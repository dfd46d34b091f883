// One thread's units of a convolution by Winograd's F(2x2, 3x3): 16 products where a direct convolution has 36. All that a unit needs but
// the filter stays in the cache of the core. Units do not depend on each other: any thread can compute any of them.
import type { GraphBuilder } from '../../onnx.js';
import { Value } from '../../ort.js';
import { arrays, loops } from '../loops/module.js';
import { NCHWC_DOMAIN } from '../nchwc.js';
import type { Sessions } from '../sessions.js';
import { transformInput, workspaceSizes } from './input-transform.js';
import { PRODUCTS, trimValues, valueIn } from './products.js';
import { PLANES, type Unit, type WinogradPlan, countUnits, mostTiles, tilesOf, unitAt } from './units.js';

/** The products of transformed inputs with the transformed filter, as one convolution of 16 groups. */
const products = (g: GraphBuilder): void => {
  const factors = [g.input('v', 'float32', [1, 'i', 1, 't']), g.input('u', 'float32', ['o', 'c', 1, 1])];
  g.output(g.node('Conv', factors, PRODUCTS, { domain: NCHWC_DOMAIN }), 'float32', [1, 'o', 1, 't']);
};

/** Transforms a unit's products and writes its outputs: with bias, and with ReLU if the plan has it. */
const transformOutput = (
  plan: WinogradPlan,
  { images, tileRows, outStart, outEnd, tiles }: Unit,
  m: Float32Array,
  biases: Float32Array,
  slab: Float32Array,
  scratch: Float32Array,
  y: Float32Array,
): void => {
  const { outChannels, outRows, outColumns, blockSize, relu } = plan;
  const { exports } = loops()!;
  const { tileColumns } = tilesOf(plan);
  const blocks = outChannels / blockSize;
  const pitch = images.length * tiles;
  const result = slab.subarray(0, (outEnd - outStart) * outColumns * blockSize);
  images.forEach((image, i) => {
    for (let c = 0; c < blocks; c++) {
      exports.winogradOutput(
        m.byteOffset + 4 * blockSize * (c * pitch + i * tiles),
        4 * outChannels * pitch,
        tileRows,
        tileColumns,
        blockSize,
        biases.byteOffset + 4 * blockSize * c,
        relu,
        scratch.byteOffset,
        slab.byteOffset,
        outEnd - outStart,
        outColumns,
      );
      y.set(result, ((image * blocks + c) * outRows + outStart) * outColumns * blockSize);
    }
  });
};

/** What a convolution reads and writes: x, the transformed filter, a bias for each output channel, and y; x and y in NCHWc. */
export type ForwardArrays = readonly [
  x: Float32Array,
  filter: Float32Array,
  bias: Float32Array,
  y: Float32Array,
];

/**
 * Computes units of a convolution until there are no more.
 *
 * @param filter the filter's transform: 16 planes in NCHWc blocks of output channels
 * @param sessions of a single thread
 * @param next gives the number of the next unit
 */
export const convolveUnits = (
  plan: WinogradPlan,
  [x, filter, bias, y]: ForwardArrays,
  sessions: Sessions,
  next: () => number,
): void => {
  const { inChannels, outChannels } = plan;
  trimValues();
  const session = sessions.get('Winograd:products', products);
  const most = PLANES * mostTiles(plan);
  const sizes = [outChannels, ...workspaceSizes(plan), inChannels * most, outChannels * most];
  const [biases, slab, scratch, v, m] = arrays(sizes) as [
    ...[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array],
  ];
  biases.set(bias);
  const u = new Value(filter, 'float32', [PLANES * outChannels, inChannels, 1, 1]);
  const units = countUnits(plan);
  try {
    for (let number = next(); number < units; number = next()) {
      const unit = unitAt(plan, number);
      const pitch = unit.images.length * unit.tiles;
      transformInput(plan, unit, x, slab, scratch, v, pitch);
      session.run(
        [valueIn(v, [1, PLANES * inChannels, 1, pitch]), u],
        [valueIn(m, [1, PLANES * outChannels, 1, pitch])],
      );
      transformOutput(plan, unit, m, biases, slab, scratch, y);
    }
  } finally {
    u.release();
  }
};
