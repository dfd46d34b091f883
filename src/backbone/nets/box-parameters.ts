// A box as the numbers that a net predicts: centre and size relative to a crop, standardised on the training set (paper, appendix A).

/** A rectangle in 0-based pixels. */
interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Single-class regression has one box for all classes, per-class regression one for each. */
export const regressions = ['pcr', 'scr'] as const;
export type Regression = (typeof regressions)[number];

/** Centre x, centre y, width, height. */
export type BoxNumbers = readonly [number, number, number, number];

/** How a net's outputs are boxes; saved in its file. */
export interface BoxOutputs {
  readonly regression: Regression;
  /** Mean and standard deviation of each parameter over the training set. */
  readonly mean: BoxNumbers;
  readonly std: BoxNumbers;
}

/** Number of outputs of a net for so many classes. */
export const outputsOf = (regression: Regression, classes: number): number =>
  regression === 'scr' ? 4 : 4 * classes;

/** The index of the first of the four outputs of a class. */
export const firstOutput = (regression: Regression, label: number): number =>
  regression === 'scr' ? 0 : 4 * label;

/** Where a crop lies in an image that was scaled; a mirrored crop is mirrored after it was cut. */
export interface CropPlace {
  readonly left: number;
  readonly top: number;
  readonly side: number;
  readonly flip: boolean;
  /** Size of the scaled image over that of the image as stored, of either side. */
  readonly scaleX: number;
  readonly scaleY: number;
}

/** Parameters of a box of an image relative to a crop: 0 and 1 are the crop's borders; the box may exceed them. */
export const relativeTo = (
  { x, y, width, height }: Box,
  { left, top, side, flip, scaleX, scaleY }: CropPlace,
): BoxNumbers => {
  const centre = ((x + width / 2) * scaleX - left) / side;
  return [
    flip ? 1 - centre : centre,
    ((y + height / 2) * scaleY - top) / side,
    (width * scaleX) / side,
    (height * scaleY) / side,
  ];
};

/** The box of an image that {@link relativeTo} gave the parameters of. */
export const fromCrop = (
  [cx, cy, w, h]: BoxNumbers,
  { left, top, side, flip, scaleX, scaleY }: CropPlace,
): Box => {
  const centreX = ((flip ? 1 - cx : cx) * side + left) / scaleX;
  const centreY = (cy * side + top) / scaleY;
  const [width, height] = [(w * side) / scaleX, (h * side) / scaleY];
  return { x: centreX - width / 2, y: centreY - height / 2, width, height };
};

const mapped = (values: BoxNumbers, change: (value: number, i: number) => number): BoxNumbers =>
  values.map(change) as unknown as BoxNumbers;

/** Parameters in the unit of the net's outputs. */
export const standardised = (values: BoxNumbers, { mean, std }: BoxOutputs): BoxNumbers =>
  mapped(values, (value, i) => (value - mean[i]!) / std[i]!);

/** The parameters of standardised ones. */
export const restored = (values: BoxNumbers, { mean, std }: BoxOutputs): BoxNumbers =>
  mapped(values, (value, i) => value * std[i]! + mean[i]!);

/** Mean and standard deviation of each parameter; a parameter that never changes has a deviation of 1. */
export const momentsOf = (all: readonly BoxNumbers[]): { mean: BoxNumbers; std: BoxNumbers } => {
  const sum = [0, 0, 0, 0];
  const squares = [0, 0, 0, 0];
  for (const values of all) values.forEach((value, i) => (sum[i]! += value));
  const mean = sum.map((total) => total / all.length) as unknown as BoxNumbers;
  for (const values of all) values.forEach((value, i) => (squares[i]! += (value - mean[i]!) ** 2));
  return {
    mean,
    std: squares.map((total) => Math.sqrt(total / all.length) || 1) as unknown as BoxNumbers,
  };
};
