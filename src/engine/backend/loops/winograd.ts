// A thread's share of a convolution by Winograd's minimal filtering F(2x2, 3x3): 16 products of matrices for what takes 36 directly. The
// work is cut into units, small enough for all that they need but the filter to stay in the cache of the core that does them: some
// rows of tiles of an image, or some small images. Units are independent of each other, so it does not matter who does which.
import type { GraphBuilder } from '../../onnx.js';
import { Value } from '../../ort.js';
import { DOMAIN } from '../kernels/blocked.js';
import type { Sessions } from '../sessions.js';
import { arrays, loops } from './module.js';

/** Numbers of a tile's transform, and so planes of a transformed tensor. */
export const PLANES = 16;
/** Rows and columns of a tile's outputs. */
const TILE = 2;

/** What {@link WinogradTask} consists of, in the order in which threads tell it each other. */
export const taskFields = [
  'images',
  'inChannels',
  'outChannels',
  'rows',
  'columns',
  'outRows',
  'outColumns',
  'top',
  'left',
  'relu',
  'block',
  'unitImages',
  'unitRows',
] as const;

/**
 * A convolution by a filter of 3 x 3 with strides of one. `rows` by `columns` by `inChannels` become `outRows` by `outColumns` by
 * `outChannels`, with padding of `top` rows and `left` columns before them, two at most, and as many after them as are needed; then
 * ReLU if `relu` is 1. Tensors lie in blocks of `block` channels. A unit is `unitRows` rows of tiles of `unitImages` images: all rows,
 * if there are several images.
 */
export type WinogradTask = Readonly<Record<(typeof taskFields)[number], number>>;

/** Rows and columns of tiles of an image. */
export const tilesOf = ({ outRows, outColumns }: Pick<WinogradTask, 'outRows' | 'outColumns'>) => ({
  tileRows: Math.ceil(outRows / TILE),
  tileColumns: Math.ceil(outColumns / TILE),
});

/** Native values in this thread's memory of the loops, until that memory moves. */
const values = new Map<string, Value>();
let valuesOf: ArrayBufferLike | undefined;
const KEPT = 256;

const valueIn = (array: Float32Array, dims: readonly number[]): Value => {
  if (array.buffer !== valuesOf || values.size >= KEPT) {
    for (const value of values.values()) value.release();
    values.clear();
    valuesOf = array.buffer;
  }
  const key = `${array.byteOffset}:${dims.join()}`;
  let value = values.get(key);
  if (!value) {
    const length = dims.reduce((a, b) => a * b, 1);
    values.set(key, (value = new Value(array.subarray(0, length), 'float32', dims)));
  }
  return value;
};

/** The 16 products of transformed tiles with the transformed filter, as one convolution by groups. */
const products = (g: GraphBuilder): void => {
  const factors = [g.input('v', 'float32', [1, 'i', 1, 't']), g.input('u', 'float32', ['o', 'c', 1, 1])];
  const result = g.node(
    'Conv',
    factors,
    { kernel_shape: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: PLANES },
    { domain: DOMAIN },
  );
  g.output(result, 'float32', [1, 'o', 1, 't']);
};

/** What a convolution by Winograd's filtering reads and writes: x, the transformed filter, a bias for each output channel, and y. */
export type WinogradArrays = readonly [
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
  [x, filter, bias, y]: WinogradArrays,
  sessions: Sessions,
  next: () => number,
): void => {
  const { images, inChannels, outChannels, rows, columns, outRows, outColumns, top, left, block } = task;
  const { unitImages, unitRows } = task;
  const { exports } = loops()!;
  const { tileRows, tileColumns } = tilesOf(task);
  const [inBlocks, outBlocks] = [inChannels / block, outChannels / block];
  const bands = Math.ceil(tileRows / unitRows);
  const units = bands * Math.ceil(images / unitImages);
  const session = sessions.get('Winograd:products', products);
  const most = unitImages * unitRows * tileColumns;
  const [biases, piece, scratch, v, m] = arrays([
    outChannels,
    TILE * (unitRows + 1) * Math.max(columns, outColumns) * block,
    (8 * (tileColumns + 1) + columns) * block,
    PLANES * inChannels * most,
    PLANES * outChannels * most,
  ]) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  biases.set(bias);
  const u = new Value(filter, 'float32', [PLANES * outChannels, inChannels, 1, 1]);
  try {
    for (let unit = next(); unit < units; unit = next()) {
      const first = Math.floor(unit / bands) * unitImages;
      const last = Math.min(images, first + unitImages);
      const start = (unit % bands) * unitRows;
      const bandRows = Math.min(unitRows, tileRows - start);
      const tilesOfImage = bandRows * tileColumns;
      const tiles = (last - first) * tilesOfImage;
      // The rows of the input that its tiles see.
      const origin = TILE * start - top;
      const [begin, end] = [Math.max(0, origin), Math.min(rows, origin + TILE * (bandRows + 1))];
      for (let image = first; image < last; image++) {
        for (let c = 0; c < inBlocks; c++) {
          const plane = (image * inBlocks + c) * rows;
          piece.set(x.subarray((plane + begin) * columns * block, (plane + end) * columns * block));
          exports.winogradInput(
            piece.byteOffset,
            end - begin,
            columns,
            block,
            begin - origin,
            left,
            bandRows,
            tileColumns,
            scratch.byteOffset,
            v.byteOffset + 4 * block * (c * tiles + (image - first) * tilesOfImage),
            4 * inChannels * tiles,
          );
        }
      }
      session.run(
        [valueIn(v, [1, PLANES * inChannels, 1, tiles]), u],
        [valueIn(m, [1, PLANES * outChannels, 1, tiles])],
      );
      const top2 = TILE * start;
      const outBandRows = Math.min(outRows, top2 + TILE * bandRows) - top2;
      const result = piece.subarray(0, outBandRows * outColumns * block);
      for (let image = first; image < last; image++) {
        for (let c = 0; c < outBlocks; c++) {
          exports.winogradOutput(
            m.byteOffset + 4 * block * (c * tiles + (image - first) * tilesOfImage),
            4 * outChannels * tiles,
            bandRows,
            tileColumns,
            block,
            biases.byteOffset + 4 * block * c,
            task.relu,
            scratch.byteOffset,
            piece.byteOffset,
            outBandRows,
            outColumns,
          );
          y.set(result, ((image * outBlocks + c) * outRows + top2) * outColumns * block);
        }
      }
    }
  } finally {
    u.release();
  }
};
