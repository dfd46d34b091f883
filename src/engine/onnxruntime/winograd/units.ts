// Winograd's F(2x2, 3x3) as threads share it: the plan of a convolution, and the units that it is cut into. A tile is 2 x 2 outputs and
// the 4 x 4 inputs that they depend on; its transform is 16 numbers.

/** Numbers of a tile's transform, and so planes of a transformed tensor. */
export const PLANES = 16;
/** Rows and columns of a tile's outputs. */
export const TILE = 2;

/** The fields of {@link WinogradPlan}, in the order in which one thread gives them to another. */
const planFields = [
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
  'blockSize',
  'unitImages',
  'unitRows',
  'partialSums',
] as const;

/**
 * How a convolution by a 3 x 3 filter with strides of one is computed. `rows` by `columns` by `inChannels` become `outRows`
 * by `outColumns` by `outChannels`, with at most two rows of padding at the `top`, two columns at the `left`, and what is
 * needed at the other ends; then ReLU if `relu` is 1. Tensors are in NCHWc with blocks of `blockSize` channels. A unit is
 * `unitRows` rows of tiles of `unitImages` images; units of several images have all rows. The sums of a filter's gradient
 * over all units are computed as `partialSums` sums, which are then added.
 */
export type WinogradPlan = Readonly<Record<(typeof planFields)[number], number>>;

/** A plan as numbers, for another thread. */
export const planNumbers = (plan: WinogradPlan): number[] => planFields.map((field) => plan[field]);

/** The plan of {@link planNumbers}. */
export const planFrom = (numbers: ArrayLike<number>): WinogradPlan =>
  Object.fromEntries(planFields.map((field, i) => [field, numbers[i]])) as WinogradPlan;

/** Rows and columns of tiles of an image. */
export const tilesOf = ({ outRows, outColumns }: Pick<WinogradPlan, 'outRows' | 'outColumns'>) => ({
  tileRows: Math.ceil(outRows / TILE),
  tileColumns: Math.ceil(outColumns / TILE),
});

/** Units that an image's rows of tiles are cut into. */
const unitsOfImage = (plan: WinogradPlan): number => Math.ceil(tilesOf(plan).tileRows / plan.unitRows);

export const countUnits = (plan: WinogradPlan): number =>
  unitsOfImage(plan) * Math.ceil(plan.images / plan.unitImages);

/** Tiles of the largest unit. */
export const mostTiles = (plan: WinogradPlan): number =>
  plan.unitImages * plan.unitRows * tilesOf(plan).tileColumns;

/** A unit: its images, and which rows of their outputs. */
export interface Unit {
  readonly images: readonly number[];
  /** Rows of tiles. */
  readonly tileRows: number;
  readonly outStart: number;
  readonly outEnd: number;
  /** Tiles of one image. */
  readonly tiles: number;
}

/** The unit of this number. */
export const unitAt = (plan: WinogradPlan, number: number): Unit => {
  const { tileRows, tileColumns } = tilesOf(plan);
  const perImage = unitsOfImage(plan);
  const first = Math.floor(number / perImage) * plan.unitImages;
  const start = (number % perImage) * plan.unitRows;
  const unitTileRows = Math.min(plan.unitRows, tileRows - start);
  const outStart = TILE * start;
  return {
    images: Array.from({ length: Math.min(plan.unitImages, plan.images - first) }, (_, i) => first + i),
    tileRows: unitTileRows,
    outStart,
    outEnd: Math.min(plan.outRows, outStart + TILE * unitTileRows),
    tiles: unitTileRows * tileColumns,
  };
};
