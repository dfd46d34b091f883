// NumPy's arrays (.npy): vectors of floating-point numbers, or texts. No pickled object is read.
import { UsageError, expected } from '../../errors.js';
import { sizeFromShape } from '../../shape.js';
import type { FileBytes } from '../file-bytes.js';
import { floatsOf } from '../floats.js';
import { type Block, rowsOfBlock } from './table.js';

/** An array of a file. */
export interface NpyArray {
  readonly kind: 'numbers' | 'texts';
  readonly half: boolean;
  readonly rows: number;
  blocks(): Generator<Block>;
  texts(): string[];
}

/** Floating-point types, by their code: the safetensors name. */
const floats: Readonly<Record<string, 'F16' | 'F32' | 'F64'>> = { f2: 'F16', f4: 'F32', f8: 'F64' };
const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  readonly data: number;
}

const headerOf = (file: FileBytes, start: number, name: string): Header => {
  const head = Buffer.from(file.read(start, 12));
  if (!head.subarray(0, 6).equals(MAGIC)) throw file.wrong(`${name} is no NumPy array`);
  const wide = head[6]! > 1;
  const length = wide ? head.readUInt32LE(8) : head.readUInt16LE(8);
  const from = start + (wide ? 12 : 10);
  const text = file.text(from, length, 1 << 20);
  const [, descr] = /'descr':\s*'([^']*)'/.exec(text) ?? [];
  const [, fortran] = /'fortran_order':\s*(True|False)/.exec(text) ?? [];
  const [, shape] = /'shape':\s*\(([\d,\s]*)\)/.exec(text) ?? [];
  if (descr === undefined && text.includes("'descr': [")) {
    throw expected('one type of numbers', name, 'records', 'Save the array of numbers alone.');
  }
  if (descr === undefined || fortran === undefined || shape === undefined)
    throw file.wrong(`the header of ${name} cannot be read`);
  const sizes = shape
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  return { descr, fortran: fortran === 'True', shape: sizes, data: from + length };
};

/** Reverses the bytes of each element of big-endian numbers. */
const swapped = (bytes: Uint8Array, size: number): Uint8Array => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else if (size === 8) buffer.swap64();
  return bytes;
};

/** Text of UTF-32, or of bytes, without the zeros that fill it up. */
const textOf = (bytes: Buffer, wide: boolean, little: boolean): string => {
  if (!wide) return bytes.toString('utf8').replace(/\0+$/, '');
  const codes = Array.from({ length: bytes.length / 4 }, (_, i) =>
    little ? bytes.readUInt32LE(4 * i) : bytes.readUInt32BE(4 * i),
  );
  return String.fromCodePoint(...codes.slice(0, codes.findLastIndex((code) => code !== 0) + 1));
};

/**
 * An array within a file.
 *
 * @param name the array's, for messages
 * @throws UsageError for pickled objects, records, other types and shapes
 */
export const npyArray = (file: FileBytes, start: number, length: number, name: string): NpyArray => {
  const { descr, fortran, shape, data } = headerOf(file, start, name);
  const [, order = '', code = '', digits = ''] = /^([<>|=]?)([a-zA-Z])(\d*)/.exec(descr) ?? [];
  if (code === 'O') {
    throw new UsageError(
      `${name} holds pickled objects, which are not read: they may run any program. In Python, save plain arrays: numpy.save(path, numpy.stack(list(array)).astype("float32")).`,
    );
  }
  const float = floats[code + digits];
  const whole = code === 'i' || code === 'u';
  const isText = code === 'U' || code === 'S' || whole;
  if (float === undefined && !isText)
    throw expected('float16, float32, float64 or texts', name, `the type ${descr}`);
  const size = code === 'U' ? 4 * Number(digits) : Number(digits);
  const rows = shape[0] ?? 0;
  const width = sizeFromShape(shape.slice(1));
  const bytes = sizeFromShape(shape) * size;
  if (data + bytes > start + length) throw file.wrong(`${name} announces ${bytes} bytes`);
  const isVectors = shape.length === 2 || (shape.length > 2 && shape.slice(2).every((n) => n === 1));
  const wanted = float === undefined ? shape.length === 1 : isVectors;
  if (!wanted) {
    throw expected(
      float === undefined ? 'texts in one axis' : 'two axes, [images, numbers]',
      name,
      `the shape [${shape.join(', ')}]`,
      ...(float !== undefined && shape.length > 2 ? ['Average maps over their positions first.'] : []),
    );
  }
  const read = (offset: number, count: number): Uint8Array => {
    const raw = file.read(data + offset * size, count * size);
    return order === '>' ? swapped(raw, size) : raw;
  };
  const blocks = function* (): Generator<Block> {
    if (float === undefined) return;
    const most = rowsOfBlock(width * size);
    for (let row = 0; row < rows; row += most) {
      const count = Math.min(most, rows - row);
      if (!fortran) {
        yield { rows: count, data: floatsOf(read(row * width, count * width), float, name) };
        continue;
      }
      const block = new Float32Array(count * width); // Column by column.
      for (let column = 0; column < width; column++) {
        const values = floatsOf(read(column * rows + row, count), float, name);
        for (let i = 0; i < count; i++) block[i * width + column] = values[i]!;
      }
      yield { rows: count, data: block };
    }
  };
  const texts = (): string[] => {
    const raw = Buffer.from(file.read(data, bytes));
    return Array.from({ length: rows }, (_, i) => {
      const own = raw.subarray(i * size, (i + 1) * size);
      if (!whole) return textOf(own, code === 'U', order !== '>');
      const unsigned = code === 'u';
      if (size === 8) {
        const little = unsigned ? own.readBigUInt64LE() : own.readBigInt64LE();
        return String(order === '>' ? (unsigned ? own.readBigUInt64BE() : own.readBigInt64BE()) : little);
      }
      return String(
        order === '>'
          ? unsigned
            ? own.readUIntBE(0, size)
            : own.readIntBE(0, size)
          : unsigned
            ? own.readUIntLE(0, size)
            : own.readIntLE(0, size),
      );
    });
  };
  return { kind: float === undefined ? 'texts' : 'numbers', half: float === 'F16', rows, blocks, texts };
};
