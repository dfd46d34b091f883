// Table of interpolation kernels: the weight of a pixel at distance x, in pixels of the input.
import type { Interpolation } from '../interpolation.js';

/** A symmetric kernel: 0 beyond `support`. Its weights need not sum to 1: divide them by their sum. */
interface ResamplingKernel {
  /** A multiple of 1/2. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const lanczos = (support: number): ResamplingKernel => ({
  support,
  weight: (x) => (Math.abs(x) < support ? sinc(x) * sinc(x / support) : 0),
});

/** The cubics of Mitchell & Netravali, "Reconstruction filters in computer graphics" (1988), by their B and C. */
const cubic = (b: number, c: number): ResamplingKernel => ({
  support: 2,
  weight: (distance) => {
    const x = Math.abs(distance);
    if (x >= 2) return 0;
    return x < 1
      ? (((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + 6 - 2 * b) / 6
      : ((((-b - 6 * c) * x + 6 * b + 30 * c) * x - 12 * b - 48 * c) * x + 8 * b + 24 * c) / 6;
  },
});

/** The kernels by name. "cubic" is Catmull and Rom's. */
export const resamplingKernels: Readonly<Record<Interpolation, ResamplingKernel>> = {
  nearest: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  linear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  cubic: cubic(0, 1 / 2),
  mitchell: cubic(1 / 3, 1 / 3),
  lanczos2: lanczos(2),
  lanczos3: lanczos(3),
};
