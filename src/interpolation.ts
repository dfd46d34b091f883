// Names of the interpolations for resizing.

/** Names of the interpolations, as in sharp. */
export const interpolations = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const;
export type Interpolation = (typeof interpolations)[number];

/** Whether a value is the name of an interpolation. */
export const isInterpolation = (value: unknown): value is Interpolation =>
  (interpolations as readonly unknown[]).includes(value);

/** The interpolation used if that of a net's training is unknown. */
export const defaultInterpolation: Interpolation = 'lanczos3';
