// The names of the interpolations by which images are resized, for every room that says which one is meant.

/** Names of the interpolations, as sharp has them. */
export const interpolations = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const;
export type Interpolation = (typeof interpolations)[number];

/** Whether a value is the name of an interpolation. */
export const isInterpolation = (value: unknown): value is Interpolation =>
  (interpolations as readonly unknown[]).includes(value);

/** The interpolation that is used where nothing is known of how a net was trained. */
export const defaultInterpolation: Interpolation = 'lanczos3';

/** An object as files keep it: `interpolation` has been called `kernel` there since version 0.1. */
export type Stored<T> = Omit<T, 'interpolation'> & { readonly kernel?: Interpolation };

const withKey = (value: object, from: string, to: string): object =>
  Object.fromEntries(Object.entries(value).map(([key, each]) => [key === from ? to : key, each as unknown]));

/** An object as files keep it; the order of its keys stays. */
export const toStored = <T extends object>(value: T): Stored<T> =>
  withKey(value, 'interpolation', 'kernel') as Stored<T>;

/** An object from a file; files that say `interpolation` are read too. */
export const fromStored = <T extends object>(value: Stored<T> | T): T =>
  withKey(value, 'kernel', 'interpolation') as T;
