// Resampling kernels as a table: the weight of a pixel at distance x, in pixels of the image that is sampled.

/** Names of the kernels, as sharp has them. */
export const KERNELS = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const;
export type Kernel = (typeof KERNELS)[number];

/** Whether a value is the name of a kernel. */
export const isKernel = (value: unknown): value is Kernel => (KERNELS as readonly unknown[]).includes(value);

/** The kernel that is used where nothing is known of how a net was trained. */
export const DEFAULT_KERNEL: Kernel = 'lanczos3';

/** A symmetric kernel: 0 beyond `support`. Weights are normalised by who applies it. */
export interface KernelFunction {
  /** A multiple of 1/2. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const lanczos = (support: number): KernelFunction => ({
  support,
  weight: (x) => (Math.abs(x) < support ? sinc(x) * sinc(x / support) : 0),
});

/** The cubics of Mitchell & Netravali, "Reconstruction filters in computer graphics" (1988), by their B and C. */
const cubic = (b: number, c: number): KernelFunction => ({
  support: 2,
  weight: (distance) => {
    const x = Math.abs(distance);
    if (x >= 2) return 0;
    return x < 1
      ? (((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + 6 - 2 * b) / 6
      : ((((-b - 6 * c) * x + 6 * b + 30 * c) * x - 12 * b - 48 * c) * x + 8 * b + 24 * c) / 6;
  },
});

/** The functions by name. "cubic" is Catmull and Rom's. */
export const kernelFunctions: Readonly<Record<Kernel, KernelFunction>> = {
  nearest: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  linear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  cubic: cubic(0, 1 / 2),
  mitchell: cubic(1 / 3, 1 / 3),
  lanczos2: lanczos(2),
  lanczos3: lanczos(3),
};
