// Mean, standard deviation and principal axes of the colours of a set of images, for normalisation and the
// colour shift.
import type { RgbImage } from '../../images/image.js';
import type { ColourAxes } from './augmentation.js';

/** Sums over pixels that are exact in any order (integers below 2^53 for 10^11 pixels). */
export interface ColourSums {
  pixels: number;
  /** Of red, green, blue. */
  readonly sums: [number, number, number];
  /** Of the products rr, rg, rb, gg, gb, bb. */
  readonly products: [number, number, number, number, number, number];
}

export const emptySums = (): ColourSums => ({ pixels: 0, sums: [0, 0, 0], products: [0, 0, 0, 0, 0, 0] });

/** Adds an image's pixels to the sums. */
export const addImage = (total: ColourSums, { data }: RgbImage): void => {
  let [r1, g1, b1, rr, rg, rb, gg, gb, bb] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
    r1 += r;
    g1 += g;
    b1 += b;
    rr += r * r;
    rg += r * g;
    rb += r * b;
    gg += g * g;
    gb += g * b;
    bb += b * b;
  }
  total.pixels += data.length / 3;
  [r1, g1, b1].forEach((x, i) => (total.sums[i]! += x));
  [rr, rg, rb, gg, gb, bb].forEach((x, i) => (total.products[i]! += x));
};

/** Adds the sums of other images. */
export const addSums = (total: ColourSums, { pixels, sums, products }: ColourSums): void => {
  total.pixels += pixels;
  sums.forEach((x, i) => (total.sums[i]! += x));
  products.forEach((x, i) => (total.products[i]! += x));
};

/** Statistics of red, green and blue, in pixel units (0-255). */
export interface PixelStatistics extends ColourAxes {
  readonly images: number;
  readonly pixels: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly covariance: readonly (readonly number[])[];
  /** Eigenvalues of the covariance, largest first; `axes` are their unit vectors. */
  readonly eigenvalues: readonly number[];
}

/**
 * Eigenvalues (largest first) and unit eigenvectors of a symmetric 3x3 matrix, by Jacobi's rotations. The sign of each
 * vector is chosen so that its largest component is positive.
 */
export const symmetricEigen = (
  matrix: readonly (readonly number[])[],
): { readonly values: number[]; readonly vectors: number[][] } => {
  const a = matrix.map((row) => [...row]);
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const pairs = [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const;
  for (let sweep = 0; sweep < 50; sweep++) {
    if (pairs.every(([p, q]) => a[p]![q] === 0)) break;
    for (const [p, q] of pairs) {
      if (a[p]![q] === 0) continue;
      const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
      const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
      const cos = 1 / Math.hypot(t, 1);
      const sin = t * cos;
      for (let k = 0; k < 3; k++) {
        const [kp, kq] = [a[k]![p]!, a[k]![q]!];
        a[k]![p] = cos * kp - sin * kq;
        a[k]![q] = sin * kp + cos * kq;
      }
      for (let k = 0; k < 3; k++) {
        const [pk, qk, vp, vq] = [a[p]![k]!, a[q]![k]!, v[k]![p]!, v[k]![q]!];
        a[p]![k] = cos * pk - sin * qk;
        a[q]![k] = sin * pk + cos * qk;
        v[k]![p] = cos * vp - sin * vq;
        v[k]![q] = sin * vp + cos * vq;
      }
      [a[p]![q], a[q]![p]] = [0, 0];
    }
  }
  const order = [0, 1, 2].sort((i, j) => a[j]![j]! - a[i]![i]!);
  return {
    values: order.map((i) => a[i]![i]!),
    vectors: order.map((i) => {
      const vector = [v[0]![i]!, v[1]![i]!, v[2]![i]!];
      const largest = vector.reduce((x, y) => (Math.abs(y) > Math.abs(x) ? y : x));
      return vector.map((x) => (largest < 0 ? -x : x));
    }),
  };
};

/** Statistics from sums. A constant channel gets the standard deviation 1, to allow division by it. */
export const statisticsOf = ({ pixels, sums, products }: ColourSums, images: number): PixelStatistics => {
  const mean = sums.map((x) => x / pixels);
  const [rr, rg, rb, gg, gb, bb] = products;
  const moment = [
    [rr, rg, rb],
    [rg, gg, gb],
    [rb, gb, bb],
  ];
  const covariance = moment.map((row, i) => row.map((x, j) => x / pixels - mean[i]! * mean[j]!));
  const { values, vectors } = symmetricEigen(covariance);
  return {
    images,
    pixels,
    mean,
    std: covariance.map((row, i) => Math.sqrt(Math.max(row[i]!, 0)) || 1),
    covariance,
    eigenvalues: values,
    spread: values.map((x) => Math.max(x, 0) / 255),
    axes: vectors,
  };
};
