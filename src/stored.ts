// Names in files, which stay as version 0.1 wrote them where the library's names have changed since.

/** The library's names, and those in files. */
const namesInFiles = { interpolation: 'kernel', descriptorNorm: 'normalize' } as const;
type NamesInFiles = typeof namesInFiles;

/** An object as saved in files. */
export type Stored<T> = {
  readonly [K in keyof T as K extends keyof NamesInFiles ? NamesInFiles[K] : K]: T[K];
};

const renamed = (value: object, names: ReadonlyMap<string, string>): object =>
  Object.fromEntries(Object.entries(value).map(([key, each]) => [names.get(key) ?? key, each as unknown]));

const toFiles = new Map<string, string>(Object.entries(namesInFiles));
const fromFiles = new Map<string, string>([...toFiles].map(([name, inFiles]) => [inFiles, name]));

/** Converts an object for saving; the order of keys is kept. */
export const toStored = <T extends object>(value: T): Stored<T> => renamed(value, toFiles) as Stored<T>;

/** Converts an object from a file; the library's names are accepted too. */
export const fromStored = <T extends object>(value: Stored<T> | T): T => renamed(value, fromFiles) as T;
