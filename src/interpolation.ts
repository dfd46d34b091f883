// Names of the interpolations for resizing.

/** Names of the interpolations, as in sharp. */
export const interpolations = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const;
export type Interpolation = (typeof interpolations)[number];

/** Whether a value is the name of an interpolation. */
export const isInterpolation = (value: unknown): value is Interpolation =>
  (interpolations as readonly unknown[]).includes(value);

/** The interpolation used if that of a net's training is unknown. */
export const defaultInterpolation: Interpolation = 'lanczos3';

/** An object as saved in files, which have called `interpolation` `kernel` since version 0.1. */
export type Stored<T> = Omit<T, 'interpolation'> & { readonly kernel?: Interpolation };

const withKey = (value: object, from: string, to: string): object =>
  Object.fromEntries(Object.entries(value).map(([key, each]) => [key === from ? to : key, each as unknown]));

/** Converts an object for saving; the order of keys is kept. */
export const toStored = <T extends object>(value: T): Stored<T> =>
  withKey(value, 'interpolation', 'kernel') as Stored<T>;

/** Converts an object from a file; the key `interpolation` is accepted too. */
export const fromStored = <T extends object>(value: Stored<T> | T): T =>
  withKey(value, 'kernel', 'interpolation') as T;
