// Writes a structure array as a compressed MATLAB 5 file: the form of ILSVRC's meta.mat.
import { deflateSync } from 'node:zlib';

const types = { int8: 1, int32: 5, uint32: 6, float64: 9, matrix: 14, compressed: 15, utf16: 17 } as const;
const classes = { struct: 2, char: 4, double: 6 } as const;
const NAME_LENGTH = 32;

/** A tag of 8 bytes and the data, padded to a multiple of 8. */
const element = (type: number, data: Buffer): Buffer => {
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(type, 0);
  tag.writeUInt32LE(data.length, 4);
  return Buffer.concat([tag, data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
};

const int32 = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);

const matrix = (kind: number, dims: readonly number[], name: string, ...content: Buffer[]): Buffer =>
  element(
    types.matrix,
    Buffer.concat([
      element(types.uint32, int32(kind, 0)),
      element(types.int32, int32(...dims)),
      element(types.int8, Buffer.from(name, 'latin1')),
      ...content,
    ]),
  );

const value = (content: number | string): Buffer =>
  typeof content === 'number'
    ? matrix(classes.double, [1, 1], '', element(types.float64, Buffer.from(Float64Array.of(content).buffer)))
    : matrix(classes.char, [1, content.length], '', element(types.utf16, Buffer.from(content, 'utf16le')));

/** A MATLAB 5 file that holds one column of structures, all with the same fields. */
export const structureFile = (
  name: string,
  rows: readonly Readonly<Record<string, number | string>>[],
): Buffer => {
  const fields = Object.keys(rows[0] ?? {});
  const names = Buffer.alloc(NAME_LENGTH * fields.length);
  fields.forEach((field, i) => names.write(field, NAME_LENGTH * i, 'latin1'));
  const header = Buffer.alloc(128, ' ');
  header.write('MATLAB 5.0 MAT-file, made by the demo of verydeep', 'latin1');
  header.fill(0, 116);
  header.writeUInt16LE(0x0100, 124);
  header.write('IM', 126, 'latin1');
  const array = matrix(
    classes.struct,
    [rows.length, 1],
    name,
    element(types.int32, int32(NAME_LENGTH)),
    element(types.int8, names),
    ...rows.flatMap((row) => fields.map((field) => value(row[field]!))),
  );
  const packed = deflateSync(array);
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(types.compressed, 0);
  tag.writeUInt32LE(packed.length, 4);
  return Buffer.concat([header, tag, packed]); // Compressed elements are not padded.
};
