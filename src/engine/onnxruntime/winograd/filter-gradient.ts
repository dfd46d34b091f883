// A thread's share of the gradient of a filter of 3 x 3 by Winograd's minimal filtering: where its output is A'[(GgG') * (B'dB)]A, the
// gradient of g is G'[(B'dB) * (AeA')]G, for the gradient e of a tile's outputs and summed over all tiles. The sums of the 16 products are
// computed in parts, each with the units of a stretch in their order: it does not matter who does which.
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

/**
 * The products of transformed gradients and inputs, summed over tiles: a convolution by groups whose "channels" are tiles, its "image"
 * the output's channels, its filter the transformed inputs as they lie in blocks of channels. With `adds`, added to sums that are there.
 */
const products =
  (adds: boolean) =>
  (g: GraphBuilder): void => {
    const factors = [g.input('z', 'float32', [1, 't', 1, 'o']), g.input('v', 'float32', ['i', 'u', 1, 1])];
    const sums = adds ? ['', g.input('sums', 'float32', [1, 'i', 1, 'o'])] : [];
    const result = g.node('Conv', [...factors, ...sums], PRODUCTS, { domain: DOMAIN });
    g.output(result, 'float32', [1, 'i', 1, 'o']);
  };

/** Whole blocks of tiles. */
const wholeTiles = (tiles: number, block: number): number => Math.ceil(tiles / block) * block;

/** Transforms a unit's gradients of outputs; z receives 16 planes of `pitch` tiles in blocks of tiles. */
const transformGradient = (
  task: WinogradTask,
  { images, bandRows, outStart, outEnd, tiles }: Unit,
  dy: Float32Array,
  piece: Float32Array,
  collected: Float32Array,
  z: Float32Array,
  pitch: number,
): void => {
  const { outChannels, outRows, outColumns, block } = task;
  const { exports } = loops()!;
  const { tileColumns } = tilesOf(task);
  const blocks = outChannels / block;
  for (let c = 0; c < blocks; c++) {
    images.forEach((image, i) => {
      const plane = (image * blocks + c) * outRows;
      piece.set(dy.subarray((plane + outStart) * outColumns * block, (plane + outEnd) * outColumns * block));
      exports.winogradGather(
        piece.byteOffset,
        outEnd - outStart,
        outColumns,
        block,
        bandRows,
        tileColumns,
        collected.byteOffset + 4 * block * i * tiles,
        4 * block * pitch,
      );
    });
    for (let p = 0; p < 4; p++)
      collected.fill(0, block * (p * pitch + images.length * tiles), block * (p + 1) * pitch);
    exports.winogradOutputGradient(
      collected.byteOffset,
      4 * block * pitch,
      pitch,
      block,
      z.byteOffset + 4 * block * block * c,
      4 * block * outChannels,
      4 * pitch * outChannels,
    );
  }
};

/** What a filter's gradient reads and writes: x, dy, and the sums of each part: 16 planes in blocks of input channels. */
export type GradientArrays = readonly [x: Float32Array, dy: Float32Array, sums: Float32Array];

/**
 * Does parts of a filter's gradient until there are no more.
 *
 * @param sessions of one thread
 * @param next takes the next part's number
 */
export const sumParts = (
  task: WinogradTask,
  [x, dy, sums]: GradientArrays,
  sessions: Sessions,
  next: () => number,
): void => {
  const { inChannels, outChannels, block, parts } = task;
  trimValues();
  const [first, further] = [false, true].map((adds) =>
    sessions.get(`Winograd:sums:${adds}`, products(adds)),
  ) as [ReturnType<Sessions['get']>, ReturnType<Sessions['get']>];
  const most = wholeTiles(mostTiles(task), block);
  const rooms = [...roomFor(task), 4 * block * most, PLANES * inChannels * most, PLANES * outChannels * most];
  const [piece, scratch, collected, v, z] = arrays(rooms) as [
    ...[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array],
  ];
  const length = PLANES * inChannels * outChannels;
  const units = countUnits(task);
  for (let part = next(); part < parts; part = next()) {
    const [begin, end] = [part, part + 1].map((n) => Math.floor((n * units) / parts)) as [number, number];
    const sum = new Value(sums.subarray(part * length, (part + 1) * length), 'float32', [
      ...[1, PLANES * inChannels, 1, outChannels],
    ]);
    try {
      for (let number = begin; number < end; number++) {
        const unit = unitAt(task, number);
        const tiles = unit.images.length * unit.tiles;
        const pitch = wholeTiles(tiles, block);
        transformInput(task, unit, x, piece, scratch, v, pitch);
        // Tiles that fill the last block up.
        if (pitch > tiles)
          for (let c = 0; c < (PLANES * inChannels) / block; c++)
            v.fill(0, block * (c * pitch + tiles), block * (c + 1) * pitch);
        transformGradient(task, unit, dy, piece, collected, z, pitch);
        const factors = [
          valueIn(z, [1, PLANES * pitch, 1, outChannels]),
          valueIn(v, [PLANES * inChannels, pitch, 1, 1]),
        ];
        if (number === begin) first.run(factors, [sum]);
        else further.run([...factors, sum], [sum]);
      }
    } finally {
      sum.release();
    }
  }
};
