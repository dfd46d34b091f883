// Winograd's minimal filtering F(2x2, 3x3) as threads share it: what they tell each other of a convolution, the units that they cut it
// into, and the transform of the input. A tile is 2 x 2 outputs and the 4 x 4 inputs that they depend on; its transform is 16 numbers.
import { Value } from '../../ort.js';
import { loops } from '../loops/module.js';
import { sizeFromShape } from '../../../shape.js';

/** Numbers of a tile's transform, and so planes of a transformed tensor. */
export const PLANES = 16;
/** Rows and columns of a tile's outputs. */
export const TILE = 2;

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
  'parts',
] as const;

/**
 * A convolution by a filter of 3 x 3 with strides of one. `rows` by `columns` by `inChannels` become `outRows` by `outColumns` by
 * `outChannels`, with padding of `top` rows and `left` columns before them, two at most, and as many after them as are needed; then
 * ReLU if `relu` is 1. Tensors lie in blocks of `block` channels. A unit is `unitRows` rows of tiles of `unitImages` images: all rows,
 * if there are several images. Sums over all units are computed in `parts`.
 */
export type WinogradTask = Readonly<Record<(typeof taskFields)[number], number>>;

/** Rows and columns of tiles of an image. */
export const tilesOf = ({ outRows, outColumns }: Pick<WinogradTask, 'outRows' | 'outColumns'>) => ({
  tileRows: Math.ceil(outRows / TILE),
  tileColumns: Math.ceil(outColumns / TILE),
});

const bandsOf = (task: WinogradTask): number => Math.ceil(tilesOf(task).tileRows / task.unitRows);

export const countUnits = (task: WinogradTask): number =>
  bandsOf(task) * Math.ceil(task.images / task.unitImages);

/** Tiles of the largest unit. */
export const mostTiles = (task: WinogradTask): number =>
  task.unitImages * task.unitRows * tilesOf(task).tileColumns;

/** Where a unit lies: its images, and which rows of their outputs it is. */
export interface Unit {
  readonly images: readonly number[];
  /** Rows of tiles. */
  readonly bandRows: number;
  readonly outStart: number;
  readonly outEnd: number;
  /** Tiles of one image. */
  readonly tiles: number;
}

/** The unit of this number. */
export const unitAt = (task: WinogradTask, number: number): Unit => {
  const { tileRows, tileColumns } = tilesOf(task);
  const bands = bandsOf(task);
  const first = Math.floor(number / bands) * task.unitImages;
  const start = (number % bands) * task.unitRows;
  const bandRows = Math.min(task.unitRows, tileRows - start);
  const outStart = TILE * start;
  return {
    images: Array.from({ length: Math.min(task.unitImages, task.images - first) }, (_, i) => first + i),
    bandRows,
    outStart,
    outEnd: Math.min(task.outRows, outStart + TILE * bandRows),
    tiles: bandRows * tileColumns,
  };
};

/** Numbers of the pieces of tensors and of the room that the transforms of a unit need. */
export const roomFor = ({
  columns,
  outColumns,
  block,
  unitRows,
}: WinogradTask): [piece: number, scratch: number] => {
  const { tileColumns } = tilesOf({ outRows: 0, outColumns });
  return [
    TILE * (unitRows + 1) * Math.max(columns, outColumns) * block,
    (8 * (tileColumns + 1) + columns) * block,
  ];
};

/**
 * Transforms the inputs that a unit's tiles see.
 *
 * @param v receives 16 planes of `pitch` tiles in blocks of channels
 */
export const transformInput = (
  task: WinogradTask,
  { images, outStart, bandRows, tiles }: Unit,
  x: Float32Array,
  piece: Float32Array,
  scratch: Float32Array,
  v: Float32Array,
  pitch: number,
): void => {
  const { inChannels, rows, columns, top, left, block } = task;
  const { exports } = loops()!;
  const { tileColumns } = tilesOf(task);
  const blocks = inChannels / block;
  const origin = outStart - top;
  const [begin, end] = [Math.max(0, origin), Math.min(rows, origin + TILE * (bandRows + 1))];
  images.forEach((image, i) => {
    for (let c = 0; c < blocks; c++) {
      const plane = (image * blocks + c) * rows;
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
        v.byteOffset + 4 * block * (c * pitch + i * tiles),
        4 * inChannels * pitch,
      );
    }
  });
};

/** Native values in this thread's memory of the loops that are kept, until that memory moves. */
const KEPT = 256;
const values = new Map<string, Value>();
let valuesOf: ArrayBufferLike | undefined;

const releaseValues = (): void => {
  for (const value of values.values()) value.release();
  values.clear();
};

/** Frees the native values if there are very many, as happens when shapes keep changing. Before a job: within one they are in use. */
export const trimValues = (): void => {
  if (values.size > KEPT) releaseValues();
};

/** A native tensor over the first numbers of an array in this thread's memory of the loops. */
export const valueIn = (array: Float32Array, dims: readonly number[]): Value => {
  if (array.buffer !== valuesOf) {
    releaseValues();
    valuesOf = array.buffer;
  }
  const key = `${array.byteOffset}:${dims.join()}`;
  let value = values.get(key);
  if (!value) {
    const length = sizeFromShape(dims);
    values.set(key, (value = new Value(array.subarray(0, length), 'float32', dims)));
  }
  return value;
};

/** Attributes of the convolution that computes the products of the 16 planes. */
export const PRODUCTS = {
  ...{ kernel_shape: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] },
  group: PLANES,
} as const;
