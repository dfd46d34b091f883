// MATLAB 5 files: variables as plain values; large numeric arrays stay where they are and are read when asked for.
import { expected } from '../errors.js';
import { FileBytes } from './file-bytes.js';
import { MatStream, type MatVariable } from './mat-stream.js';

/** A numeric array, first axis fastest. */
export interface MatArray {
  readonly kind: 'array';
  readonly shape: readonly number[];
  /** The numbers in file order, in pieces. */
  chunks(): AsyncGenerator<Float32Array>;
}

export type MatValue = MatArray | MatStruct[] | MatValue[] | string | undefined;
/** One element of a struct array. */
export interface MatStruct {
  readonly kind: 'struct';
  readonly fields: ReadonlyMap<string, MatValue>;
}

/** A variable: its name, its value, and how to let go of its file. */
export interface MatFile {
  readonly variables: ReadonlyMap<string, MatValue>;
  close(): Promise<void>;
}

type Reader = (bytes: Uint8Array) => ArrayLike<number>;

/** miINT8 … miDOUBLE: bytes an element and how it is read. */
const numberTypes: Readonly<Record<number, { bytes: number; read: Reader }>> = {
  1: { bytes: 1, read: (b) => new Int8Array(b.buffer) },
  2: { bytes: 1, read: (b) => b },
  3: { bytes: 2, read: (b) => new Int16Array(b.buffer) },
  4: { bytes: 2, read: (b) => new Uint16Array(b.buffer) },
  5: { bytes: 4, read: (b) => new Int32Array(b.buffer) },
  6: { bytes: 4, read: (b) => new Uint32Array(b.buffer) },
  7: { bytes: 4, read: (b) => new Float32Array(b.buffer) },
  9: { bytes: 8, read: (b) => new Float64Array(b.buffer) },
};
const [MATRIX, COMPRESSED] = [14, 15];
/** Classes of arrays: cell 1, struct 2, object 3, char 4, sparse 5, numbers 6 to 15. */
const [CELL, STRUCT, CHAR, DOUBLE, LAST_NUMBER] = [1, 2, 4, 6, 15];
const MAX_DEPTH = 16;
const MAX_ELEMENTS = 200_000;
const PIECE = 1 << 22;

interface Tag {
  readonly type: number;
  readonly bytes: number;
  /** Of a small element, whose data lies in the tag itself. */
  readonly data?: Uint8Array;
}

/** Walks one variable. */
class MatWalker {
  readonly stream: MatStream;
  #elements = 0;

  constructor(variable: MatVariable) {
    this.stream = new MatStream(variable);
  }

  async #tag(): Promise<Tag> {
    if (++this.#elements > MAX_ELEMENTS) throw this.stream.wrong('it holds too many elements');
    const bytes = Buffer.from(await this.stream.take(8));
    const small = bytes.readUInt16LE(2);
    if (small === 0) return { type: bytes.readUInt32LE(0), bytes: bytes.readUInt32LE(4) };
    if (small > 4) throw this.stream.wrong(`an element of ${small} bytes in a short tag`);
    return { type: bytes.readUInt16LE(0), bytes: small, data: Uint8Array.from(bytes.subarray(4, 4 + small)) };
  }

  /** Data of an element, without the filling up to 8 bytes. */
  async #data(tag: Tag): Promise<Uint8Array> {
    if (tag.data) return tag.data;
    const bytes = await this.stream.take(tag.bytes);
    await this.stream.skip(-tag.bytes & 7);
    return bytes;
  }

  async #numbers(): Promise<number[]> {
    const tag = await this.#tag();
    const type = numberTypes[tag.type];
    if (!type || tag.bytes > 1 << 16 || tag.bytes % type.bytes)
      throw this.stream.wrong('a list of numbers that is none');
    return Array.from(type.read(await this.#data(tag)));
  }

  async #text(): Promise<string> {
    const tag = await this.#tag();
    if (tag.bytes > 1 << 20) throw this.stream.wrong(`a text of ${tag.bytes} bytes`);
    const bytes = await this.#data(tag);
    // Characters are bytes (miINT8, miUINT8, UTF-8) or UTF-16 (miUINT16, miUTF16).
    const isWide = tag.type === 4 || tag.type === 17;
    return Buffer.from(bytes).toString(isWide ? 'utf16le' : 'utf8');
  }

  async #array(shape: readonly number[]): Promise<MatArray> {
    const tag = await this.#tag();
    const type = numberTypes[tag.type];
    const count = shape.reduce((a, b) => a * b, 1);
    if (!type || tag.bytes !== count * type.bytes) {
      throw this.stream.wrong(
        `an array ${JSON.stringify(shape)} with ${tag.bytes} bytes of type ${tag.type}`,
      );
    }
    const { stream } = this;
    const at = stream.position;
    if (!tag.data) await stream.skip(tag.bytes + (-tag.bytes & 7));
    return {
      kind: 'array',
      shape,
      chunks: async function* () {
        if (tag.data) yield Float32Array.from(type.read(tag.data));
        else {
          for (let done = 0; done < tag.bytes; done += PIECE) {
            await stream.seek(at + done);
            const numbers = type.read(await stream.take(Math.min(PIECE, tag.bytes - done)));
            yield numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
          }
        }
      },
    };
  }

  async #cells(count: number, depth: number): Promise<MatValue[]> {
    const values: MatValue[] = [];
    for (let i = 0; i < count; i++) values.push((await this.matrix(depth + 1)).value);
    return values;
  }

  async #structs(count: number, depth: number): Promise<MatStruct[]> {
    const [width = 0] = await this.#numbers();
    const names = Buffer.from(await this.#text(), 'utf8');
    if (width < 1 || width > 64 || names.length % width) throw this.stream.wrong('field names that are none');
    const fields = Array.from({ length: names.length / width }, (_, i) =>
      names
        .subarray(i * width, (i + 1) * width)
        .toString('utf8')
        .replace(/\0.*$/s, ''),
    );
    const values: MatStruct[] = [];
    for (let i = 0; i < count; i++) {
      const entries = new Map<string, MatValue>();
      for (const field of fields) entries.set(field, (await this.matrix(depth + 1)).value);
      values.push({ kind: 'struct', fields: entries });
    }
    return values;
  }

  /** One miMATRIX element at the stream's place. */
  async matrix(depth = 0): Promise<{ name: string; value: MatValue }> {
    if (depth > MAX_DEPTH) throw this.stream.wrong('values within values without end');
    const tag = await this.#tag();
    if (tag.type !== MATRIX) throw this.stream.wrong(`an element of type ${tag.type} where an array belongs`);
    if (tag.bytes === 0) return { name: '', value: undefined };
    const end = this.stream.position + tag.bytes;
    const [flags = 0] = await this.#numbers();
    const shape = await this.#numbers();
    const name = await this.#text();
    if (shape.length > 32 || shape.some((n) => !Number.isInteger(n) || n < 0))
      throw this.stream.wrong('a shape that is none');
    const kind = flags & 0xff;
    const count = shape.reduce((a, b) => a * b, 1);
    let value: MatValue;
    if ((kind === CELL || kind === STRUCT) && count > MAX_ELEMENTS) throw this.stream.wrong(`${count} cells`);
    if (kind === CELL) value = await this.#cells(count, depth);
    else if (kind === STRUCT) value = await this.#structs(count, depth);
    else if (kind === CHAR) value = await this.#text();
    else if (kind >= DOUBLE && kind <= LAST_NUMBER) value = await this.#array(shape);
    // What is left: an imaginary part, an object, a sparse matrix, padding.
    if (end < this.stream.position) throw this.stream.wrong(`the array "${name}" is longer than announced`);
    await this.stream.skip(end - this.stream.position);
    return { name, value };
  }
}

/**
 * Opens a MATLAB 5 file (versions 5 to 7.2).
 *
 * @throws UsageError naming the file when it is damaged, big-endian or of version 7.3
 */
export const openMat = async (path: string): Promise<MatFile> => {
  const file = new FileBytes(path);
  const streams: MatStream[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(streams.map((stream) => stream.close()));
    file.close();
  };
  try {
    const mark = file.text(126, 2);
    if (mark !== 'IM') throw expected('a little-endian MATLAB 5 file', path, mark);
    const variables = new Map<string, MatValue>();
    for (let at = 128; at < file.size;) {
      const tag = Buffer.from(file.read(at, 8));
      const [type, length] = [tag.readUInt32LE(0), tag.readUInt32LE(4)];
      if (type !== MATRIX && type !== COMPRESSED) throw file.wrong(`no variable at byte ${at}`);
      const compressed = type === COMPRESSED;
      file.check(at + 8, length);
      const walker = new MatWalker(
        compressed
          ? { path, offset: at + 8, length, compressed }
          : { path, offset: at, length: length + 8, compressed },
      );
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
