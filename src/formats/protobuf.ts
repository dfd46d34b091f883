// Reads protocol buffers in place: iterates over the fields of a message and loads only what is requested.
import type { FileBytes } from './file-bytes.js';

/** A field of a message: a number, or the location of its bytes (message, text, packed numbers). */
export type Field =
  | { readonly number: number; readonly kind: 'varint'; readonly value: number; readonly signed: number }
  | { readonly number: number; readonly kind: 'fixed'; readonly offset: number; readonly length: 4 | 8 }
  | { readonly number: number; readonly kind: 'bytes'; readonly offset: number; readonly length: number };

/** The location of a message in a file. */
export interface Message {
  readonly offset: number;
  readonly length: number;
}

/** Reads a varint at `at`: as a number (exact up to 2^53), as a signed 64-bit integer, and its end offset. */
const varint = (
  file: FileBytes,
  at: number,
  end: number,
): { value: number; signed: number; next: number } => {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    if (at + i >= end) throw file.wrong(`a number is cut at byte ${at}`);
    const byte = file.byte(at + i);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte >= 0x80) continue;
    // Only negative numbers take ten bytes; the difference to 2^64 is exact although `value` is not.
    const signed = i < 9 ? value : Number(BigInt.asIntN(64, exact(file, at)));
    return { value, signed, next: at + i + 1 };
  }
  throw file.wrong(`a number without end at byte ${at}`);
};

/** A varint of ten bytes. */
const exact = (file: FileBytes, at: number): bigint => {
  let value = 0n;
  for (let i = 0; i < 10; i++) value |= BigInt(file.byte(at + i) & 0x7f) << BigInt(7 * i);
  return value;
};

/**
 * The fields of a message in file order.
 *
 * @throws UsageError naming the file at the first byte that is not a field
 */
export function* fieldsOf(file: FileBytes, { offset, length }: Message): Generator<Field> {
  const end = offset + length;
  for (let at = offset; at < end;) {
    const key = varint(file, at, end);
    const [number, wire] = [Math.floor(key.value / 8), key.value % 8];
    if (number < 1 || number >= 2 ** 29) throw file.wrong(`no field of a message at byte ${at}`);
    if (wire === 0) {
      const { value, signed, next } = varint(file, key.next, end);
      yield { number, kind: 'varint', value, signed };
      at = next;
    } else if (wire === 1 || wire === 5) {
      const size = wire === 1 ? 8 : 4;
      if (key.next + size > end) throw file.wrong(`a field is cut at byte ${at}`);
      yield { number, kind: 'fixed', offset: key.next, length: size };
      at = key.next + size;
    } else if (wire === 2) {
      const { value, next } = varint(file, key.next, end);
      if (next + value > end) {
        throw file.wrong(
          `the field ${number} at byte ${at} announces ${value} bytes, ${end - next} are left`,
        );
      }
      yield { number, kind: 'bytes', offset: next, length: value };
      at = next + value;
    } else throw file.wrong(`no field of a message at byte ${at}`);
  }
}

const MAX_INTS = 64;

/**
 * Signed integers of a repeated field, packed or one by one; at most `most`.
 *
 * @throws UsageError naming the file
 */
export const intsOf = (file: FileBytes, field: Field, most = MAX_INTS): number[] => {
  if (field.kind === 'varint') return [field.signed];
  if (field.kind === 'fixed') throw file.wrong(`the field ${field.number} is no whole number`);
  const values: number[] = [];
  for (let at = field.offset; at < field.offset + field.length;) {
    const { signed, next } = varint(file, at, field.offset + field.length);
    if (values.push(signed) > most) throw file.wrong(`more than ${most} numbers at byte ${field.offset}`);
    at = next;
  }
  return values;
};

/** Floats of a repeated field, packed or one by one; at most MAX_INTS. */
export const float32sOf = (file: FileBytes, field: Field): number[] => {
  if (
    field.kind === 'varint' ||
    (field.kind === 'fixed' && field.length !== 4) ||
    field.length > 4 * MAX_INTS
  ) {
    throw file.wrong(`the field ${field.number} is no list of floats`);
  }
  const bytes = file.read(field.offset, field.length - (field.length % 4));
  return Array.from(new Float32Array(bytes.buffer));
};

/** Reads a field's text; at most `most` bytes. */
export const textOf = (file: FileBytes, field: Field, most?: number): string => {
  if (field.kind !== 'bytes') throw file.wrong(`the field ${field.number} is no text`);
  return file.text(field.offset, field.length, most);
};

/** Whether a field holds bytes: a message, a text, packed numbers. */
export const isBytes = (field: Field): field is Field & { kind: 'bytes' } => field.kind === 'bytes';
