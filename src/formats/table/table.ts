// A file of descriptors that another program wrote: columns of vectors, and columns of texts that name the rows.
import { UsageError, expected } from '../../errors.js';

/** A column of a file. */
export interface TableColumn {
  readonly name: string;
  /** Vectors of floating-point numbers, or texts (whole numbers are texts too: they may name rows). */
  readonly kind: 'numbers' | 'texts';
  /** The number of rows, where the file says it. */
  readonly rows?: number;
  /** The numbers are of half precision. */
  readonly half?: boolean;
}

/** Some rows of a column of vectors. */
export interface Block {
  readonly rows: number;
  /** [rows, width], float32. */
  readonly data: Float32Array;
}

/** An open file of descriptors. Rows are read in order, some at a time. The caller closes it. */
export interface ForeignTable {
  readonly path: string;
  /** "npy", "parquet", … */
  readonly format: string;
  readonly columns: readonly TableColumn[];
  /** The texts of a column, of all rows. */
  texts(column: string): Promise<string[]>;
  /** The vectors of a column. @throws UsageError naming a row of another length */
  numbers(column: string): AsyncIterable<Block>;
  close(): Promise<void>;
}

/** What a file of descriptors is called in messages. */
export const WHAT = 'file of descriptors';

/** About how many bytes of a file are read at a time. */
export const BLOCK_BYTES = 1 << 24;

/** The number of rows of a block of vectors of `bytes` bytes. */
export const rowsOfBlock = (bytes: number): number =>
  Math.max(1, Math.min(1 << 14, Math.floor(BLOCK_BYTES / Math.max(1, bytes))));

/** Vectors of equal length as a block. @throws UsageError naming a row of another length */
export const blockOf = (
  path: string,
  vectors: readonly (ArrayLike<number> | null | undefined)[],
  start: number,
  width: number,
): Block => {
  const data = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => {
    if (vector?.length !== width) {
      throw expected(
        `${width} numbers, as in the first row`,
        `row ${start + i} of ${path}`,
        vector ? `${vector.length} numbers` : 'no value',
      );
    }
    data.set(vector, i * width);
  });
  return { rows: vectors.length, data };
};

/** Columns of one number each, which together are the vectors of one column. */
export interface Numbered {
  readonly name: string;
  /** Names of the single columns, in order. */
  readonly members: readonly string[];
}

/** The name of vectors whose single columns are named by their number only. */
const NAMELESS = 'numbers';

/**
 * Groups of columns numbered from 0 or 1: `x_0, x_1, …`, `x0, x1, …`, `0, 1, …`. They may be in any order, but none may be
 * missing.
 */
export const numberedColumns = (names: readonly string[]): Numbered[] => {
  const groups = new Map<string, Map<number, string>>();
  for (const name of names) {
    const [, prefix, digits] = /^(.*?)(\d+)$/.exec(name) ?? [];
    if (prefix === undefined) continue;
    const group = groups.get(prefix) ?? new Map<number, string>();
    groups.set(prefix, group.set(Number(digits), name));
  }
  return [...groups].flatMap(([prefix, group]) => {
    const first = group.has(0) ? 0 : 1;
    const members = Array.from({ length: group.size }, (_, i) => group.get(first + i));
    return members.every((member) => member !== undefined)
      ? [{ name: prefix.replace(/[_. -]+$/, '') || NAMELESS, members }]
      : [];
  });
};

/** A value that names a row, as text; "" where there is none. */
export const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
};

/** The error for a file that a library cannot read. */
export const unreadable = (path: string, format: string, reason: string): UsageError =>
  new UsageError(`Cannot read the ${format} ${WHAT} ${path}: ${reason.replace(/\.$/, '')}.`);
