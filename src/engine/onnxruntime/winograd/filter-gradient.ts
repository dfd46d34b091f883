// One thread's share of a filter's gradient by Winograd's F(2x2, 3x3). The output of a tile is Aᵀ[(GgGᵀ) ⊙ (BᵀdB)]A, so the gradient of
// g is Gᵀ[Σ (BᵀdB) ⊙ (AeAᵀ)]G, summed over all tiles, with e the gradient of a tile's outputs. The 16 sums are computed as several partial
// sums, each over consecutive units in their order: the result does not depend on which thread computes which.
import type { GraphBuilder } from '../../onnx.js';
import { Value } from '../../ort.js';
import { arrays, loops } from '../loops/module.js';
import { NCHWC_DOMAIN } from '../nchwc.js';
import type { Sessions } from '../sessions.js';
import { transformInput, workspaceSizes } from './input-transform.js';
import { PRODUCTS, trimValues, valueIn } from './products.js';
import { PLANES, type Unit, type WinogradPlan, countUnits, mostTiles, tilesOf, unitAt } from './units.js';

/**
 * The products of transformed gradients and inputs, summed over tiles, as a convolution of 16 groups: its "channels" are
 * tiles, its "image" the output channels, its "filter" the transformed inputs, which already are in that order.
 *
 * @param adds whether the result is added to sums that are given
 */
const products =
  (adds: boolean) =>
  (g: GraphBuilder): void => {
    const factors = [g.input('z', 'float32', [1, 't', 1, 'o']), g.input('v', 'float32', ['i', 'u', 1, 1])];
    const sums = adds ? ['', g.input('sums', 'float32', [1, 'i', 1, 'o'])] : [];
    const result = g.node('Conv', [...factors, ...sums], PRODUCTS, { domain: NCHWC_DOMAIN });
    g.output(result, 'float32', [1, 'i', 1, 'o']);
  };

/** Tiles rounded up to whole NCHWc blocks. */
const wholeBlocks = (tiles: number, blockSize: number): number => Math.ceil(tiles / blockSize) * blockSize;

/**
 * Transforms a unit's gradients of outputs.
 *
 * @param gathered workspace for the outputs' gradients by their four positions within a tile
 * @param z receives 16 planes of `pitch` tiles in NCHWc blocks of tiles
 */
const transformOutputGradient = (
  plan: WinogradPlan,
  { images, tileRows, outStart, outEnd, tiles }: Unit,
  dy: Float32Array,
  slab: Float32Array,
  gathered: Float32Array,
  z: Float32Array,
  pitch: number,
): void => {
  const { outChannels, outRows, outColumns, blockSize } = plan;
  const { exports } = loops()!;
  const { tileColumns } = tilesOf(plan);
  const blocks = outChannels / blockSize;
  for (let c = 0; c < blocks; c++) {
    images.forEach((image, i) => {
      const plane = (image * blocks + c) * outRows;
      const [begin, end] = [(plane + outStart) * outColumns, (plane + outEnd) * outColumns];
      slab.set(dy.subarray(begin * blockSize, end * blockSize));
      exports.winogradGather(
        slab.byteOffset,
        outEnd - outStart,
        outColumns,
        blockSize,
        tileRows,
        tileColumns,
        gathered.byteOffset + 4 * blockSize * i * tiles,
        4 * blockSize * pitch,
      );
    });
    for (let p = 0; p < 4; p++)
      gathered.fill(0, blockSize * (p * pitch + images.length * tiles), blockSize * (p + 1) * pitch);
    exports.winogradOutputGradient(
      gathered.byteOffset,
      4 * blockSize * pitch,
      pitch,
      blockSize,
      z.byteOffset + 4 * blockSize * blockSize * c,
      4 * blockSize * outChannels,
      4 * pitch * outChannels,
    );
  }
};

/** What a filter's gradient reads and writes: x and dy in NCHWc, and the partial sums, each 16 planes in NCHWc blocks of input channels. */
export type GradientArrays = readonly [x: Float32Array, dy: Float32Array, sums: Float32Array];

/**
 * Computes partial sums of a filter's gradient until there are no more.
 *
 * @param sessions of a single thread
 * @param next gives the number of the next partial sum
 */
export const sumUnits = (
  plan: WinogradPlan,
  [x, dy, sums]: GradientArrays,
  sessions: Sessions,
  next: () => number,
): void => {
  const { inChannels, outChannels, blockSize, partialSums } = plan;
  trimValues();
  const [first, further] = [false, true].map((adds) =>
    sessions.get(`Winograd:sums:${adds}`, products(adds)),
  ) as [ReturnType<Sessions['get']>, ReturnType<Sessions['get']>];
  const most = wholeBlocks(mostTiles(plan), blockSize);
  const sizes = [
    ...workspaceSizes(plan),
    4 * blockSize * most,
    PLANES * inChannels * most,
    PLANES * outChannels * most,
  ];
  const [slab, scratch, gathered, v, z] = arrays(sizes) as [
    ...[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array],
  ];
  const length = PLANES * inChannels * outChannels;
  const units = countUnits(plan);
  for (let index = next(); index < partialSums; index = next()) {
    const [begin, end] = [index, index + 1].map((n) => Math.floor((n * units) / partialSums)) as [
      number,
      number,
    ];
    const sum = new Value(sums.subarray(index * length, (index + 1) * length), 'float32', [
      ...[1, PLANES * inChannels, 1, outChannels],
    ]);
    try {
      for (let number = begin; number < end; number++) {
        const unit = unitAt(plan, number);
        const tiles = unit.images.length * unit.tiles;
        const pitch = wholeBlocks(tiles, blockSize);
        transformInput(plan, unit, x, slab, scratch, v, pitch);
        // Zeros fill the last block of tiles up.
        if (pitch > tiles)
          for (let c = 0; c < (PLANES * inChannels) / blockSize; c++)
            v.fill(0, blockSize * (c * pitch + tiles), blockSize * (c + 1) * pitch);
        transformOutputGradient(plan, unit, dy, slab, gathered, z, pitch);
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
