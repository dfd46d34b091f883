// The transform of a unit's inputs, for convolutions and for filters' gradients.
import { loops } from '../loops/module.js';
import { TILE, type Unit, type WinogradPlan, tilesOf } from './units.js';

/** Elements of the workspace of a unit's transforms: `slab` holds its rows of one NCHWc block, `scratch` some rows of tiles. */
export const workspaceSizes = ({
  columns,
  outColumns,
  blockSize,
  unitRows,
}: WinogradPlan): [slab: number, scratch: number] => {
  const { tileColumns } = tilesOf({ outRows: 0, outColumns });
  return [
    TILE * (unitRows + 1) * Math.max(columns, outColumns) * blockSize,
    (8 * (tileColumns + 1) + columns) * blockSize,
  ];
};

/**
 * Transforms the inputs that a unit's tiles depend on.
 *
 * @param x the input, NCHWc
 * @param v receives 16 planes of `pitch` tiles in NCHWc blocks
 */
export const transformInput = (
  plan: WinogradPlan,
  { images, outStart, tileRows, tiles }: Unit,
  x: Float32Array,
  slab: Float32Array,
  scratch: Float32Array,
  v: Float32Array,
  pitch: number,
): void => {
  const { inChannels, rows, columns, top, left, blockSize } = plan;
  const { exports } = loops()!;
  const { tileColumns } = tilesOf(plan);
  const blocks = inChannels / blockSize;
  const origin = outStart - top;
  const [begin, end] = [Math.max(0, origin), Math.min(rows, origin + TILE * (tileRows + 1))];
  images.forEach((image, i) => {
    for (let c = 0; c < blocks; c++) {
      const plane = (image * blocks + c) * rows;
      slab.set(x.subarray((plane + begin) * columns * blockSize, (plane + end) * columns * blockSize));
      exports.winogradInput(
        slab.byteOffset,
        end - begin,
        columns,
        blockSize,
        begin - origin,
        left,
        tileRows,
        tileColumns,
        scratch.byteOffset,
        v.byteOffset + 4 * blockSize * (c * pitch + i * tiles),
        4 * inChannels * pitch,
      );
    }
  });
};
