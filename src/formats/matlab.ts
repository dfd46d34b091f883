// Reads MATLAB 5 files (.mat): numbers, texts, cells and structures. Large arrays are read on demand.
import { UsageError } from '../errors.js';
import { FileBytes } from './file-bytes.js';
import { MatlabStream, type MatlabVariable } from './matlab-stream.js';
import type { LazyTensor } from './tensor.js';
import { sizeFromShape } from '../shape.js';

/** Arrays of numbers in their stored type; 64-bit integers become float64. */
export type MatlabNumbers =
  Float64Array | Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

/** A numeric array. Its numbers are in MATLAB's order: the first axis runs fastest. */
export interface MatlabArray extends LazyTensor {
  readonly kind: 'numbers';
  chunks(): AsyncGenerator<Float32Array>;
  /** All numbers, in their stored type. */
  values(): Promise<MatlabNumbers>;
}

interface Shaped {
  readonly shape: readonly number[];
}

export interface MatlabText extends Shaped {
  readonly kind: 'text';
  readonly text: string;
}
export interface MatlabCell extends Shaped {
  readonly kind: 'cell';
  readonly elements: readonly MatlabValue[];
}
export interface MatlabStruct extends Shaped {
  readonly kind: 'struct';
  readonly elements: readonly ReadonlyMap<string, MatlabValue>[];
}
/** A skipped value (sparse matrix, function handle and the like), with MATLAB's class number. */
export interface MatlabOther extends Shaped {
  readonly kind: 'other';
  readonly class: number;
}
/** A value of a MATLAB file. Elements are in MATLAB's order: the first axis runs fastest. */
export type MatlabValue = MatlabArray | MatlabText | MatlabCell | MatlabStruct | MatlabOther;

/** An open MATLAB file. The caller closes it. */
export interface MatlabFile {
  readonly variables: ReadonlyMap<string, MatlabValue>;
  close(): Promise<void>;
}

/** miINT8 … miUINT64: name, bytes per element, and the conversion of aligned bytes to an array. */
const numeric: Readonly<
  Record<number, { dtype: string; bytes: number; view: (b: ArrayBuffer) => MatlabNumbers }>
> = {
  1: { dtype: 'I8', bytes: 1, view: (b) => new Int8Array(b) },
  2: { dtype: 'U8', bytes: 1, view: (b) => new Uint8Array(b) },
  3: { dtype: 'I16', bytes: 2, view: (b) => new Int16Array(b) },
  4: { dtype: 'U16', bytes: 2, view: (b) => new Uint16Array(b) },
  5: { dtype: 'I32', bytes: 4, view: (b) => new Int32Array(b) },
  6: { dtype: 'U32', bytes: 4, view: (b) => new Uint32Array(b) },
  7: { dtype: 'F32', bytes: 4, view: (b) => new Float32Array(b) },
  9: { dtype: 'F64', bytes: 8, view: (b) => new Float64Array(b) },
  12: { dtype: 'I64', bytes: 8, view: (b) => Float64Array.from(new BigInt64Array(b), Number) },
  13: { dtype: 'U64', bytes: 8, view: (b) => Float64Array.from(new BigUint64Array(b), Number) },
};

const type = { uint16: 4, uint32: 6, matrix: 14, compressed: 15, utf8: 16, utf16: 17, utf32: 18 } as const;
/** Classes of arrays; numbers are 6 to 15. */
const classes = { cell: 1, struct: 2, object: 3, char: 4, firstNumeric: 6, lastNumeric: 15 } as const;

const DOUBLE = 9;
const MAX_DEPTH = 32;
const MAX_ELEMENTS = 1_000_000;
const MAX_AXES = 32;
const MAX_LIST = 1 << 16;
const MAX_TEXT = 1 << 20;
const MAX_FIELDS = 4096;
const PIECE = 1 << 22;
/** Arrays of at most this many bytes are kept in memory, up to a total of KEPT bytes. */
const SMALL = 1 << 14;
const KEPT = 1 << 25;

interface Tag {
  readonly type: number;
  readonly bytes: number;
  /** The data of a small element, stored in the tag itself. */
  readonly data?: Uint8Array;
}

/** Parses one variable. */
class MatlabWalker {
  readonly stream: MatlabStream;
  readonly #little: boolean;
  #elements = 0;
  #kept = 0;

  constructor(variable: MatlabVariable, little: boolean) {
    this.stream = new MatlabStream(variable);
    this.#little = little;
  }

  async #tag(): Promise<Tag> {
    if (++this.#elements > MAX_ELEMENTS) throw this.stream.wrong('it holds too many elements');
    const bytes = await this.stream.take(8);
    const view = new DataView(bytes.buffer);
    const first = view.getUint32(0, this.#little);
    const small = first >>> 16;
    if (small === 0) return { type: first, bytes: view.getUint32(4, this.#little) };
    if (small > 4) throw this.stream.wrong(`an element of ${small} bytes in a short tag`);
    return { type: first & 0xffff, bytes: small, data: bytes.slice(4, 4 + small) };
  }

  /** A copy of an element's data, without the padding to 8 bytes. */
  async #data(tag: Tag): Promise<Uint8Array> {
    if (tag.data) return tag.data;
    const bytes = await this.stream.take(tag.bytes);
    await this.stream.skip(-tag.bytes & 7);
    return bytes;
  }

  /** Converts bytes of a numeric type to an array in place; the array shares their memory. */
  #view(kind: number, bytes: Uint8Array): MatlabNumbers {
    const form = numeric[kind];
    if (!form) throw this.stream.wrong(`numbers of the unknown type ${kind}`);
    if (bytes.length % form.bytes) throw this.stream.wrong(`${bytes.length} bytes of type ${form.dtype}`);
    if (!this.#little && form.bytes > 1) {
      for (let i = 0; i < bytes.length; i += form.bytes) bytes.subarray(i, i + form.bytes).reverse();
    }
    return form.view(bytes.buffer as ArrayBuffer);
  }

  /** Reads a short list of integers: flags, a shape, the length of names. */
  async #list(): Promise<number[]> {
    const tag = await this.#tag();
    if (tag.bytes > MAX_LIST) throw this.stream.wrong(`a list of ${tag.bytes} bytes`);
    return Array.from(this.#view(tag.type, await this.#data(tag)));
  }

  async #text(): Promise<string> {
    const tag = await this.#tag();
    if (tag.bytes > MAX_TEXT) throw this.stream.wrong(`a text of ${tag.bytes} bytes`);
    const bytes = await this.#data(tag);
    if (tag.type === type.utf8) return Buffer.from(bytes).toString('utf8');
    const isWide = tag.type === type.utf16 || tag.type === type.uint16;
    if (!isWide && tag.type !== type.utf32) return Buffer.from(bytes).toString('latin1');
    const units = Array.from(this.#view(isWide ? type.uint16 : type.uint32, bytes));
    if (units.some((unit) => unit > 0x10ffff)) throw this.stream.wrong('a character that does not exist');
    return units.map((unit) => (isWide ? String.fromCharCode(unit) : String.fromCodePoint(unit))).join('');
  }

  async #numbers(name: string, shape: readonly number[]): Promise<MatlabArray> {
    const tag = await this.#tag();
    const form = numeric[tag.type];
    if (!form) throw this.stream.wrong(`the array ${name} has numbers of the unknown type ${tag.type}`);
    if (tag.bytes !== sizeFromShape(shape) * form.bytes) {
      throw this.stream.wrong(
        `the array ${name} (${shape.join(' x ')}) has ${tag.bytes} bytes of type ${form.dtype}`,
      );
    }
    let kept = tag.data;
    const at = this.stream.position;
    if (!kept && tag.bytes <= SMALL && this.#kept + tag.bytes <= KEPT) {
      kept = await this.#data(tag);
      this.#kept += tag.bytes;
    } else if (!kept) await this.stream.skip(tag.bytes + (-tag.bytes & 7));
    return this.#lazy(name, shape, tag, kept, at);
  }

  /** An array that is kept in memory, or is at offset `at` of the stream. */
  #lazy(
    name: string,
    shape: readonly number[],
    tag: Tag,
    kept: Uint8Array | undefined = tag.bytes === 0 ? new Uint8Array(0) : undefined,
    at = 0,
  ): MatlabArray {
    const { stream } = this;
    const view = (bytes: Uint8Array): MatlabNumbers => this.#view(tag.type, bytes);
    const pieces = async function* (): AsyncGenerator<MatlabNumbers> {
      if (kept) yield view(kept.slice());
      else {
        for (let done = 0; done < tag.bytes; done += PIECE) {
          await stream.seek(at + done);
          yield view(await stream.take(Math.min(PIECE, tag.bytes - done)));
        }
      }
    };
    const chunks = async function* (): AsyncGenerator<Float32Array> {
      for await (const piece of pieces()) {
        yield piece instanceof Float32Array ? piece : Float32Array.from(piece);
      }
    };
    const values = async (): Promise<MatlabNumbers> => {
      const result = view(new Uint8Array(tag.bytes));
      let done = 0;
      for await (const piece of pieces()) {
        result.set(piece, done);
        done += piece.length;
      }
      return result;
    };
    return { kind: 'numbers', name, shape, dtype: numeric[tag.type]!.dtype, chunks, values };
  }

  async #cells(count: number, depth: number): Promise<MatlabValue[]> {
    const values: MatlabValue[] = [];
    for (let i = 0; i < count; i++) values.push((await this.matrix(depth + 1)).value);
    return values;
  }

  async #structs(count: number, depth: number): Promise<Map<string, MatlabValue>[]> {
    const [width = 0] = await this.#list();
    const names = await this.#text();
    if (width < 1 || names.length % width || names.length / width > MAX_FIELDS) {
      throw this.stream.wrong(`field names of ${names.length} characters in pieces of ${width}`);
    }
    const fields = Array.from({ length: names.length / width }, (_, i) =>
      names.slice(i * width, (i + 1) * width).replace(/\0.*$/s, ''),
    );
    const values: Map<string, MatlabValue>[] = [];
    for (let i = 0; i < count; i++) {
      const entries = new Map<string, MatlabValue>();
      for (const field of fields) entries.set(field, (await this.matrix(depth + 1)).value);
      values.push(entries);
    }
    return values;
  }

  async #value(kind: number, name: string, shape: readonly number[], depth: number): Promise<MatlabValue> {
    const count = sizeFromShape(shape);
    const holds = kind === classes.cell || kind === classes.struct || kind === classes.object;
    if (holds && count > MAX_ELEMENTS) throw this.stream.wrong(`${count} elements`);
    if (kind === classes.cell) return { kind: 'cell', shape, elements: await this.#cells(count, depth) };
    if (holds) {
      if (kind === classes.object) await this.#text(); // Reads the name of an object's class.
      return { kind: 'struct', shape, elements: await this.#structs(count, depth) };
    }
    if (kind === classes.char) return { kind: 'text', shape, text: count === 0 ? '' : await this.#text() };
    return kind >= classes.firstNumeric && kind <= classes.lastNumeric
      ? this.#numbers(name, shape)
      : { kind: 'other', shape, class: kind };
  }

  /** Reads one miMATRIX element at the stream's position. */
  async matrix(depth = 0): Promise<{ name: string; value: MatlabValue }> {
    if (depth > MAX_DEPTH) throw this.stream.wrong(`values are nested more than ${MAX_DEPTH} deep`);
    const tag = await this.#tag();
    if (tag.type !== type.matrix)
      throw this.stream.wrong(`an element of type ${tag.type} where an array belongs`);
    if (tag.bytes === 0)
      return { name: '', value: this.#lazy('', [0, 0], { ...tag, type: DOUBLE }, tag.data) };
    const end = this.stream.position + tag.bytes;
    const [flags = 0] = await this.#list();
    const shape = await this.#list();
    const name = await this.#text();
    if (shape.length > MAX_AXES || shape.some((n) => !Number.isInteger(n) || n < 0)) {
      throw this.stream.wrong(`the array ${name} has the shape ${JSON.stringify(shape)}`);
    }
    const value = await this.#value(flags & 0xff, name, shape, depth);
    // The rest: an imaginary part, a skipped value, padding.
    if (end < this.stream.position) throw this.stream.wrong(`the array "${name}" is longer than announced`);
    await this.stream.skip(end - this.stream.position);
    return { name, value };
  }
}

const HEADER = 128;

/** The bytes of a file, or bytes already in memory. */
const bytesOf = (path: string, bytes: Uint8Array | undefined) => {
  const file = bytes ? undefined : new FileBytes(path);
  const size = file?.size ?? bytes!.length;
  return {
    size,
    read: (offset: number, length: number): Uint8Array =>
      file ? file.read(offset, length) : bytes!.slice(offset, offset + length),
    close: () => file?.close(),
  };
};

/**
 * Opens a MATLAB 5 file (`save -v6` or `-v7`), of either byte order. Imaginary parts are ignored.
 *
 * @param bytes the content, if it is not a separate file; `path` is then its name in messages @throws
 * UsageError naming the file: not MATLAB 5 (files of version 7.3 are HDF5), truncated, damaged
 */
export const openMatlab = async (path: string, bytes?: Uint8Array): Promise<MatlabFile> => {
  const file = bytesOf(path, bytes);
  const streams: MatlabStream[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(streams.map((stream) => stream.close()));
    file.close();
  };
  const wrong = (what: string): UsageError =>
    new UsageError(`The MATLAB file ${path} is damaged or cut short: ${what}.`);
  try {
    const mark = file.size < HEADER ? '' : Buffer.from(file.read(HEADER - 2, 2)).toString('latin1');
    if (mark !== 'IM' && mark !== 'MI') {
      throw new UsageError(
        `Expected a MATLAB 5 file in ${path} but received another kind of file or a newer version.`,
      );
    }
    const little = mark === 'IM';
    const variables = new Map<string, MatlabValue>();
    for (let at = HEADER; at < file.size;) {
      if (at + 8 > file.size) throw wrong(`no variable at byte ${at}`);
      const tag = new DataView(Uint8Array.from(file.read(at, 8)).buffer);
      const [kind, length] = [tag.getUint32(0, little), tag.getUint32(4, little)];
      if (kind !== type.matrix && kind !== type.compressed) throw wrong(`no variable at byte ${at}`);
      if (at + 8 + length > file.size) throw wrong(`a variable of ${length} bytes at byte ${at}`);
      const compressed = kind === type.compressed;
      const place = compressed ? { offset: at + 8, length } : { offset: at, length: length + 8 };
      const walker = new MatlabWalker({ path, bytes, ...place, compressed }, little);
      streams.push(walker.stream);
      const { name, value } = await walker.matrix();
      variables.set(name, value);
      at += 8 + length + (compressed ? 0 : -length & 7);
    }
    return { variables, close };
  } catch (error) {
    await close();
    throw error;
  }
};
