// A thread's share of a convolution by Winograd's minimal filtering: 16 products of matrices for what takes 36 directly. A unit is so
// small that all that it needs but the filter stays in the cache of the core. Units are independent of each other: it does not matter
// who does which.
import type { GraphBuilder } from '../../onnx.js';
import { Value } from '../../ort.js';
import { DOMAIN } from '../convolution/nchwc.js';
import type { Sessions } from '../sessions.js';
import { arrays, loops } from '../loops/module.js';
import {
  PLANES,
  PRODUCTS,
  type Unit,
  type WinogradTask,
  countUnits,
  mostTiles,
  roomFor,
  tilesOf,
  transformInput,
  trimValues,
  unitAt,
  valueIn,
} from './units.js';

/** The products of transformed tiles with the transformed filter, as one convolution by groups. */
const products = (g: GraphBuilder): void => {
  const factors = [g.input('v', 'float32', [1, 'i', 1, 't']), g.input('u', 'float32', ['o', 'c', 1, 1])];
  const result = g.node('Conv', factors, PRODUCTS, { domain: DOMAIN });
  g.output(result, 'float32', [1, 'o', 1, 't']);
};

/** Transforms products back and writes the outputs of a unit. */
const transformBack = (
  task: WinogradTask,
  { images, bandRows, outStart, outEnd, tiles }: Unit,
  m: Float32Array,
  biases: Float32Array,
  piece: Float32Array,
  scratch: Float32Array,
  y: Float32Array,
): void => {
  const { outChannels, outRows, outColumns, block, relu } = task;
  const { exports } = loops()!;
  const { tileColumns } = tilesOf(task);
  const blocks = outChannels / block;
  const pitch = images.length * tiles;
  const result = piece.subarray(0, (outEnd - outStart) * outColumns * block);
  images.forEach((image, i) => {
    for (let c = 0; c < blocks; c++) {
      exports.winogradOutput(
        m.byteOffset + 4 * block * (c * pitch + i * tiles),
        4 * outChannels * pitch,
        bandRows,
        tileColumns,
        block,
        biases.byteOffset + 4 * block * c,
        relu,
        scratch.byteOffset,
        piece.byteOffset,
        outEnd - outStart,
        outColumns,
      );
      y.set(result, ((image * blocks + c) * outRows + outStart) * outColumns * block);
    }
  });
};

/** What a convolution reads and writes: x, the transformed filter, a bias for each output channel, and y. */
export type ForwardArrays = readonly [
  x: Float32Array,
  filter: Float32Array,
  bias: Float32Array,
  y: Float32Array,
];

/**
 * Does units of a convolution until there are no more.
 *
 * @param filter the filter's transform: 16 planes in blocks of output channels
 * @param sessions of one thread
 * @param next takes the next unit's number
 */
export const convolveUnits = (
  task: WinogradTask,
  [x, filter, bias, y]: ForwardArrays,
  sessions: Sessions,
  next: () => number,
): void => {
  const { inChannels, outChannels } = task;
  trimValues();
  const session = sessions.get('Winograd:products', products);
  const most = PLANES * mostTiles(task);
  const rooms = [outChannels, ...roomFor(task), inChannels * most, outChannels * most];
  const [biases, piece, scratch, v, m] = arrays(rooms) as [
    ...[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array],
  ];
  biases.set(bias);
  const u = new Value(filter, 'float32', [PLANES * outChannels, inChannels, 1, 1]);
  const units = countUnits(task);
  try {
    for (let number = next(); number < units; number = next()) {
      const unit = unitAt(task, number);
      const pitch = unit.images.length * unit.tiles;
      transformInput(task, unit, x, piece, scratch, v, pitch);
      session.run(
        [valueIn(v, [1, PLANES * inChannels, 1, pitch]), u],
        [valueIn(m, [1, PLANES * outChannels, 1, pitch])],
      );
      transformBack(task, unit, m, biases, piece, scratch, y);
    }
  } finally {
    u.release();
  }
};
