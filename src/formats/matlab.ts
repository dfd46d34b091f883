// Reads MATLAB 5 files (.mat): numbers, texts, cells and structures, compressed or not. ILSVRC's meta.mat is one.
import { inflateSync } from 'node:zlib';
import { UsageError, messageOf } from '../errors.js';

/** Arrays of numbers as they are stored; 64-bit integers become float64. */
export type MatlabNumbers =
  Float64Array | Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

/** A value of a MATLAB file. Elements are in MATLAB's order: the first dimension runs fastest. */
export type MatlabValue =
  | { readonly kind: 'numbers'; readonly dims: readonly number[]; readonly data: MatlabNumbers }
  | { readonly kind: 'text'; readonly dims: readonly number[]; readonly text: string }
  | { readonly kind: 'cell'; readonly dims: readonly number[]; readonly elements: readonly MatlabValue[] }
  | {
      readonly kind: 'struct';
      readonly dims: readonly number[];
      readonly elements: readonly Readonly<Record<string, MatlabValue>>[];
    };

const HEADER = 128;
const MAX_DEPTH = 32;

const type = { matrix: 14, compressed: 15, utf8: 16, utf16: 17, utf32: 18 } as const;
const classes = {
  cell: 1,
  struct: 2,
  object: 3,
  char: 4,
  sparse: 5,
  firstNumeric: 6,
  lastNumeric: 15,
} as const;

/** Numeric storage types: bytes an element, and how the aligned bytes become an array. */
const numeric: Readonly<Record<number, { bytes: number; view: (b: ArrayBuffer) => MatlabNumbers }>> = {
  1: { bytes: 1, view: (b) => new Int8Array(b) },
  2: { bytes: 1, view: (b) => new Uint8Array(b) },
  3: { bytes: 2, view: (b) => new Int16Array(b) },
  4: { bytes: 2, view: (b) => new Uint16Array(b) },
  5: { bytes: 4, view: (b) => new Int32Array(b) },
  6: { bytes: 4, view: (b) => new Uint32Array(b) },
  7: { bytes: 4, view: (b) => new Float32Array(b) },
  9: { bytes: 8, view: (b) => new Float64Array(b) },
  12: { bytes: 8, view: (b) => Float64Array.from(new BigInt64Array(b), Number) },
  13: { bytes: 8, view: (b) => Float64Array.from(new BigUint64Array(b), Number) },
};

/** A tagged piece of the file: its type and its bytes. */
interface Element {
  readonly type: number;
  readonly bytes: Uint8Array;
}

class Reader {
  #at = 0;
  readonly #view: DataView;

  constructor(
    readonly path: string,
    readonly bytes: Uint8Array,
    readonly little: boolean,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended(): boolean {
    return this.#at >= this.bytes.length;
  }

  wrong(what: string): UsageError {
    return new UsageError(`Cannot read the MATLAB file ${this.path}: ${what}. Get the file again.`);
  }

  /** The next element; its tag is 8 bytes, or 4 where the data fit into the other 4. */
  next(): Element {
    if (this.#at + 8 > this.bytes.length) throw this.wrong('it ends too early');
    const first = this.#view.getUint32(this.#at, this.little);
    const small = first >>> 16;
    const length = small || this.#view.getUint32(this.#at + 4, this.little);
    const start = this.#at + (small ? 4 : 8);
    if (start + length > this.bytes.length) throw this.wrong('an element is longer than the file');
    const kind = small ? first & 0xffff : first;
    const end = small ? this.#at + 8 : start + length;
    this.#at = kind === type.compressed || small ? end : start + Math.ceil(length / 8) * 8;
    return { type: kind, bytes: this.bytes.subarray(start, start + length) };
  }

  /** Numbers of an element, in memory of their own. */
  numbers({ type: kind, bytes }: Element): MatlabNumbers {
    const form = numeric[kind];
    if (!form || bytes.length % form.bytes !== 0) throw this.wrong(`an array has the unknown type ${kind}`);
    const copy = new Uint8Array(bytes); // Aligned; a Buffer's slice would not be a copy.
    if (!this.little && form.bytes > 1) {
      for (let i = 0; i < copy.length; i += form.bytes) copy.subarray(i, i + form.bytes).reverse();
    }
    return form.view(copy.buffer);
  }

  text(element: Element): string {
    const { type: kind, bytes } = element;
    if (kind === type.utf8) return Buffer.from(bytes).toString('utf8');
    if (kind === type.utf16 || kind === 4) {
      const units = this.numbers({ type: 4, bytes });
      return Array.from(units, (unit) => String.fromCharCode(unit)).join('');
    }
    if (kind === type.utf32) {
      return Array.from(this.numbers({ type: 6, bytes }), (code) => String.fromCodePoint(code)).join('');
    }
    return Buffer.from(bytes).toString('latin1');
  }
}

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

const nested = (reader: Reader, depth: number): MatlabValue => {
  const element = reader.next();
  if (element.type !== type.matrix) throw reader.wrong(`a value has the unexpected type ${element.type}`);
  return readMatrix(new Reader(reader.path, element.bytes, reader.little), depth)[1];
};

/** The content of a matrix element: its name and its value. */
const readMatrix = (reader: Reader, depth = 0): [name: string, value: MatlabValue] => {
  if (depth > MAX_DEPTH) throw reader.wrong(`values are nested more than ${MAX_DEPTH} deep`);
  if (reader.ended) return ['', { kind: 'numbers', dims: [0, 0], data: new Float64Array() }];
  const flags = reader.numbers(reader.next())[0] ?? 0;
  const dims = [...reader.numbers(reader.next())];
  const name = reader.text(reader.next());
  if (dims.some((n) => n < 0)) throw reader.wrong('an array has a negative size');
  const kind = flags & 0xff;
  if (kind === classes.cell) {
    const elements = Array.from({ length: count(dims) }, () => nested(reader, depth + 1));
    return [name, { kind: 'cell', dims, elements }];
  }
  if (kind === classes.struct || kind === classes.object) {
    if (kind === classes.object) reader.next(); // The name of its class.
    const width = reader.numbers(reader.next())[0] ?? 0;
    const block = reader.text(reader.next());
    const names = Array.from({ length: width > 0 ? block.length / width : 0 }, (_, i) =>
      block.slice(i * width, (i + 1) * width).replace(/\0.*$/s, ''),
    );
    const elements = Array.from({ length: count(dims) }, () =>
      Object.fromEntries(names.map((field) => [field, nested(reader, depth + 1)])),
    );
    return [name, { kind: 'struct', dims, elements }];
  }
  if (kind === classes.char) {
    return [name, { kind: 'text', dims, text: count(dims) === 0 ? '' : reader.text(reader.next()) }];
  }
  if (kind < classes.firstNumeric || kind > classes.lastNumeric) {
    throw reader.wrong(`the value ${name || 'without a name'} is of a class (${kind}) that is not read`);
  }
  const data = reader.numbers(reader.next());
  if (data.length !== count(dims))
    throw reader.wrong(`the array ${name} has ${data.length} elements, not ${dims.join(' x ')}`);
  return [name, { kind: 'numbers', dims, data }];
};

/**
 * Reads the variables of a MATLAB 5 file (`save -v6` or `-v7`).
 *
 * @param path name for messages
 * @throws UsageError naming the file: no MATLAB 5 file (7.3 files are HDF5), cut short, damaged, or with classes that
 *   are not read (sparse matrices, function handles); imaginary parts are left out
 */
export const readMatlab = (path: string, bytes: Uint8Array): ReadonlyMap<string, MatlabValue> => {
  const mark = String.fromCharCode(bytes[126] ?? 0, bytes[127] ?? 0);
  if (bytes.length < HEADER || (mark !== 'IM' && mark !== 'MI')) {
    throw new UsageError(
      `Expected a MATLAB 5 file in ${path} but received another kind of file or a newer version.`,
    );
  }
  const little = mark === 'IM';
  const reader = new Reader(path, bytes.subarray(HEADER), little);
  const values = new Map<string, MatlabValue>();
  while (!reader.ended) {
    let element = reader.next();
    if (element.type === type.compressed) {
      let inflated: Uint8Array;
      try {
        inflated = inflateSync(element.bytes);
      } catch (error) {
        throw reader.wrong(`compressed data are damaged (${messageOf(error)})`);
      }
      element = new Reader(path, inflated, little).next();
    }
    if (element.type !== type.matrix) continue;
    const [name, value] = readMatrix(new Reader(path, element.bytes, little));
    values.set(name, value);
  }
  return values;
};
