// Protocol buffers read where they lie: a walk over the fields of a message, without loading what is not asked for.
import type { FileBytes } from './file-bytes.js';

/** A field of a message: a number, or the place of its bytes (message, text, packed numbers). */
export type Field =
  | { readonly number: number; readonly kind: 'varint'; readonly value: number }
  | { readonly number: number; readonly kind: 'fixed'; readonly offset: number; readonly length: 4 | 8 }
  | { readonly number: number; readonly kind: 'bytes'; readonly offset: number; readonly length: number };

/** A place in a file that holds a message. */
export interface Message {
  readonly offset: number;
  readonly length: number;
}

/** A varint at `at` as a number (exact up to 2^53), and where it ends. */
const varint = (file: FileBytes, at: number, end: number): { value: number; next: number } => {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    if (at + i >= end) throw file.wrong(`a number is cut at byte ${at}`);
    const byte = file.byte(at + i);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  throw file.wrong(`a number without end at byte ${at}`);
};

/**
 * The fields of a message in file order.
 *
 * @throws UsageError naming the file at the first byte that is no field
 */
export function* fieldsOf(file: FileBytes, { offset, length }: Message): Generator<Field> {
  const end = offset + length;
  for (let at = offset; at < end;) {
    const key = varint(file, at, end);
    const [number, wire] = [Math.floor(key.value / 8), key.value % 8];
    if (number < 1 || number >= 2 ** 29) throw file.wrong(`no field of a message at byte ${at}`);
    if (wire === 0) {
      const { value, next } = varint(file, key.next, end);
      yield { number, kind: 'varint', value };
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

/** Whole numbers of a repeated field, packed into bytes or one by one. */
export const intsOf = (file: FileBytes, field: Field): number[] => {
  if (field.kind === 'varint') return [field.value];
  if (field.kind === 'fixed') throw file.wrong(`the field ${field.number} is no whole number`);
  const values: number[] = [];
  for (let at = field.offset; at < field.offset + field.length;) {
    const { value, next } = varint(file, at, field.offset + field.length);
    if (values.push(value) > 64) throw file.wrong(`a shape of more than 64 axes at byte ${field.offset}`);
    at = next;
  }
  return values;
};

/** Text of a field. */
export const textOf = (file: FileBytes, field: Field): string => {
  if (field.kind !== 'bytes') throw file.wrong(`the field ${field.number} is no text`);
  return file.text(field.offset, field.length);
};

/** Whether a field holds bytes: a message, a text, packed numbers. */
export const isBytes = (field: Field): field is Field & { kind: 'bytes' } => field.kind === 'bytes';
