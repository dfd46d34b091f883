// Reads ONNX files: nodes, and constants with their numbers, inside the model or in external files. Does not
// interpret the graph.
import { dirname, join, normalize } from 'node:path';
import { UsageError, expected } from '../errors.js';
import { sizeFromShape } from '../shape.js';
import { FileBytes } from './file-bytes.js';
import { floatsOf } from './floats.js';
import { type Field, type Message, fieldsOf, float32sOf, intsOf, isBytes, textOf } from './protobuf.js';
import type { LazyTensor } from './tensor.js';

/** A constant of a model. */
export interface OnnxTensor extends LazyTensor {
  /**
   * Reads a short list of integers (shapes, axes, indices); undefined for other types, or more than 64
   * numbers.
   */
  ints(): readonly number[] | undefined;
}

/** An attribute of a node; only the fields in the file are set. Integers are signed. */
export interface OnnxAttribute {
  readonly int?: number;
  readonly float?: number;
  readonly text?: string;
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
  readonly tensor?: OnnxTensor;
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  /** Its name, or that of its first output if it has none. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An input or output of a graph; a size is undefined if it is dynamic. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | undefined)[] | undefined;
}

/** An open model. The caller closes it. */
export interface OnnxFile {
  readonly path: string;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly nodes: readonly OnnxNode[];
  /** The initializers. */
  readonly tensors: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  close(): void;
}

/** TensorProto.DataType to the type names of safetensors. */
const dtypes: Readonly<Record<number, string>> = {
  ...{ 1: 'F32', 2: 'U8', 3: 'I8', 4: 'U16', 5: 'I16', 6: 'I32', 7: 'I64', 9: 'BOOL' },
  ...{ 10: 'F16', 11: 'F64', 12: 'U32', 13: 'U64', 16: 'BF16' },
};
const floatBytes = { F32: 4, F16: 2, F64: 8, BF16: 2 } as const;
type FloatType = keyof typeof floatBytes;

const isFloatType = (dtype: string): dtype is FloatType => Object.hasOwn(floatBytes, dtype);

/** Fields of TensorProto that hold numbers: float_data, int32_data, int64_data, raw_data, double_data. */
const data = { float: 4, int32: 5, int64: 7, raw: 9, double: 10 } as const;
/**
 * The fields that may hold a floating-point type, besides raw_data. Halves are in int32_data, one per number.
 */
const typedField: Readonly<Record<FloatType, number>> = {
  F32: data.float,
  F64: data.double,
  F16: data.int32,
  BF16: data.int32,
};

const MAX_INTS = 64;
const CHUNK = 1 << 20;
const MAX_NOTE = 1 << 24;

/** Keeps the external data files open, by name. */
class Folder {
  readonly #main: FileBytes;
  readonly #files = new Map<string, FileBytes>();

  constructor(main: FileBytes) {
    this.#main = main;
  }

  /** @throws UsageError for a path outside the model's folder, or a missing file */
  file(location: string): FileBytes {
    const clean = normalize(location);
    if (clean.startsWith('..') || clean.startsWith('/') || /^[a-z]:|\\/i.test(clean)) {
      throw expected('a file in the folder of the model', `external data of ${this.#main.path}`, location);
    }
    let file = this.#files.get(clean);
    if (!file) {
      file = new FileBytes(join(dirname(this.#main.path), clean));
      this.#files.set(clean, file);
    }
    return file;
  }

  close(): void {
    this.#main.close();
    for (const file of this.#files.values()) file.close();
  }
}

const entryOf = (file: FileBytes, message: Message): readonly [string, string] => {
  const texts = ['', ''];
  for (const inner of fieldsOf(file, message)) {
    if (inner.number === 1 || inner.number === 2) texts[inner.number - 1] = textOf(file, inner, MAX_NOTE);
  }
  return [texts[0]!, texts[1]!];
};

/** Halves in int32_data: each uses 16 bits of one number. */
function* halves(
  file: FileBytes,
  fields: readonly Field[],
  dtype: FloatType,
  where: string,
): Generator<Float32Array> {
  let bits = new Uint16Array(CHUNK);
  let filled = 0;
  const flush = (): Float32Array => floatsOf(new Uint8Array(bits.buffer, 0, 2 * filled), dtype, where);
  for (const field of fields) {
    const values =
      field.kind === 'varint'
        ? [field.value]
        : (function* () {
            // A packed field is a sequence of varints; they are read in chunks.
            for (let at = field.offset; at < field.offset + field.length;) {
              let [value, shift] = [0, 0];
              for (;;) {
                if (at >= field.offset + field.length || shift > 63) throw file.wrong(`${where} is cut`);
                const byte = file.byte(at++);
                if (shift < 28) value |= (byte & 0x7f) << shift;
                shift += 7;
                if (byte < 0x80) break;
              }
              yield value;
            }
          })();
    for (const value of values) {
      bits[filled++] = value;
      if (filled < CHUNK) continue;
      yield flush();
      [bits, filled] = [new Uint16Array(CHUNK), 0];
    }
  }
  if (filled > 0) yield flush();
}

/** Numbers of a typed field with a fixed size in bytes, packed or one by one. */
function* fixed(file: FileBytes, fields: readonly Field[], dtype: 'F32' | 'F64'): Generator<Float32Array> {
  const bytes = floatBytes[dtype];
  let single: number[] = [];
  for (const field of fields) {
    if (field.kind === 'varint') throw file.wrong(`the field ${field.number} is no list of floats`);
    if (field.kind === 'bytes') yield* file.floats(field.offset, Math.floor(field.length / bytes), dtype);
    else single.push(floatsOf(file.read(field.offset, field.length), dtype, file.path)[0]!);
    if (single.length < CHUNK) continue;
    yield Float32Array.from(single);
    single = [];
  }
  if (single.length > 0) yield Float32Array.from(single);
}

/** Yields exactly `count` numbers. @throws UsageError if there are more or fewer */
function* counted(pieces: Iterable<Float32Array>, count: number, where: string): Generator<Float32Array> {
  let done = 0;
  for (const piece of pieces) {
    done += piece.length;
    if (done > count) break;
    yield piece;
  }
  if (done !== count) throw expected(`${count} numbers`, where, done > count ? 'more' : done);
}

const tensorOf = (file: FileBytes, folder: Folder, message: Message, given = ''): OnnxTensor => {
  const shape: number[] = [];
  const external = new Map<string, string>();
  const fields = new Map<number, Field[]>();
  let [name, type, location] = [given, 0, 0];
  for (const field of fieldsOf(file, message)) {
    if (field.number === 1) shape.push(...intsOf(file, field));
    else if (field.number === 2 && field.kind === 'varint') type = field.value;
    else if (field.number === 8) name = textOf(file, field) || given;
    else if (field.number === 13 && isBytes(field)) external.set(...entryOf(file, field));
    else if (field.number === 14 && field.kind === 'varint') location = field.value;
    else if ((Object.values(data) as number[]).includes(field.number)) {
      const list = fields.get(field.number) ?? [];
      list.push(field);
      fields.set(field.number, list);
    }
  }
  if (shape.length > MAX_INTS || shape.some((n) => n < 0))
    throw file.wrong(`the tensor ${name} has the shape [${shape.join(', ')}]`);
  const count = sizeFromShape(shape);
  const dtype = dtypes[type] ?? `type ${type}`;
  const where = `the tensor ${name} of ${file.path}`;
  const raw = fields.get(data.raw)?.find(isBytes);
  const chunks = (): Iterable<Float32Array> => {
    if (!isFloatType(dtype)) throw expected('a floating-point type', where, dtype);
    if (location === 1) {
      const offset = Number(external.get('offset') ?? 0);
      return folder.file(external.get('location') ?? '').floats(offset, count, dtype);
    }
    if (raw) {
      const length = count * floatBytes[dtype];
      if (raw.length !== length) throw expected(`${length} bytes`, where, raw.length);
      return file.floats(raw.offset, count, dtype);
    }
    const typed = fields.get(typedField[dtype]) ?? [];
    const numbers =
      dtype === 'F32' || dtype === 'F64' ? fixed(file, typed, dtype) : halves(file, typed, dtype, where);
    return counted(numbers, count, where);
  };
  const ints = (): readonly number[] | undefined => {
    if (count > MAX_INTS || location === 1 || (dtype !== 'I64' && dtype !== 'I32')) return undefined;
    if (!raw)
      return (fields.get(dtype === 'I64' ? data.int64 : data.int32) ?? []).flatMap((f) => intsOf(file, f));
    const bytes = dtype === 'I64' ? 8 : 4;
    if (raw.length !== count * bytes) throw expected(`${count * bytes} bytes`, where, raw.length);
    const view = Buffer.from(file.read(raw.offset, raw.length));
    return Array.from({ length: count }, (_, i) =>
      bytes === 8 ? Number(view.readBigInt64LE(8 * i)) : view.readInt32LE(4 * i),
    );
  };
  return { name, shape, dtype, chunks, ints };
};

const attributeOf = (file: FileBytes, folder: Folder, message: Message) => {
  let name = '';
  const value: { -readonly [K in keyof OnnxAttribute]: OnnxAttribute[K] } = {};
  for (const field of fieldsOf(file, message)) {
    if (field.number === 1) name = textOf(file, field);
    else if (field.number === 2 && field.kind === 'fixed') value.float = float32sOf(file, field)[0] ?? 0;
    else if (field.number === 3 && field.kind === 'varint') value.int = field.signed;
    else if (field.number === 4 && isBytes(field)) {
      // A model may contain text of any length (a converter's notes); only short text matters.
      if (field.length <= 256) value.text = textOf(file, field);
    } else if (field.number === 5 && isBytes(field)) value.tensor = tensorOf(file, folder, field);
    else if (field.number === 7) value.floats = [...(value.floats ?? []), ...float32sOf(file, field)];
    else if (field.number === 8) value.ints = [...(value.ints ?? []), ...intsOf(file, field, 1 << 12)];
  }
  return [name, value] as const;
};

const nodeOf = (file: FileBytes, folder: Folder, message: Message): OnnxNode => {
  const texts: Record<number, string[]> = { 1: [], 2: [], 3: [], 4: [], 7: [] };
  const attributes: (readonly [string, OnnxAttribute])[] = [];
  for (const field of fieldsOf(file, message)) {
    if (field.number === 5 && isBytes(field)) attributes.push(attributeOf(file, folder, field));
    else texts[field.number]?.push(textOf(file, field));
  }
  return {
    op: texts[4]![0] ?? '',
    domain: texts[7]![0] ?? '',
    name: texts[3]![0] || (texts[2]![0] ?? ''),
    inputs: texts[1]!,
    outputs: texts[2]!,
    attributes: new Map(attributes),
  };
};

/** Reads a ValueInfoProto: the name, and the sizes from its type (tensor_type, shape). */
const valueOf = (file: FileBytes, message: Message): OnnxValue => {
  let name = '';
  let shape: (number | undefined)[] | undefined;
  const inner = (parent: Message, number: number): Message[] =>
    [...fieldsOf(file, parent)].flatMap((field) =>
      field.number === number && isBytes(field) ? [field] : [],
    );
  for (const field of fieldsOf(file, message)) {
    if (field.number === 1) name = textOf(file, field);
    else if (field.number === 2 && isBytes(field)) {
      const [shaped] = inner(field, 1).flatMap((tensor) => inner(tensor, 2));
      shape =
        shaped &&
        inner(shaped, 1).map((axis) => {
          const size = [...fieldsOf(file, axis)].find(
            ({ number, kind }) => number === 1 && kind === 'varint',
          );
          return size?.kind === 'varint' ? size.signed : undefined;
        });
    }
  }
  return { name, shape };
};

/** Opens an ONNX model; external data must be in the model's folder. @throws UsageError naming the file */
export const openOnnx = (path: string): OnnxFile => {
  const file = new FileBytes(path);
  const folder = new Folder(file);
  try {
    const [nodes, inputs, outputs]: [OnnxNode[], OnnxValue[], OnnxValue[]] = [[], [], []];
    const tensors = new Map<string, OnnxTensor>();
    const metadata = new Map<string, string>();
    let [producer, hasGraph, hasOpset] = ['', false, false];
    for (const field of fieldsOf(file, { offset: 0, length: file.size })) {
      if (field.number === 2 && isBytes(field)) producer = textOf(file, field);
      else if (field.number === 8) hasOpset = true;
      else if (field.number === 14 && isBytes(field)) metadata.set(...entryOf(file, field));
      else if (field.number === 7 && isBytes(field)) {
        hasGraph = true;
        for (const inner of fieldsOf(file, field)) {
          if (!isBytes(inner)) continue;
          if (inner.number === 1) nodes.push(nodeOf(file, folder, inner));
          else if (inner.number === 11) inputs.push(valueOf(file, inner));
          else if (inner.number === 12) outputs.push(valueOf(file, inner));
          else if (inner.number === 5) {
            const tensor = tensorOf(file, folder, inner);
            tensors.set(tensor.name, tensor);
          }
        }
      }
    }
    if (!hasGraph) throw new UsageError(`Expected a graph in the ONNX model ${path} but received none.`);
    if (!hasOpset) throw file.wrong('it names no operator set');
    return { path, producer, metadata, nodes, tensors, inputs, outputs, close: () => folder.close() };
  } catch (error) {
    folder.close();
    throw error;
  }
};
