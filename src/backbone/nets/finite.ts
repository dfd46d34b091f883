// Weights must be finite: a single infinite or undefined one makes every descriptor worthless.
import { UsageError } from '../../errors.js';

/** The place of the first number that is infinite or none; -1 where all are finite. */
const firstNotFinite = (numbers: Float32Array): number => {
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i]!;
    if (value - value !== 0) return i;
  }
  return -1;
};

/** The error for a tensor with such a number. */
const notFinite = (where: string, value: number): UsageError =>
  new UsageError(
    `Expected finite numbers in ${where} but received ${value}: the net was not trained to its end, or the file is damaged.`,
  );

/** Hands on a tensor's numbers. @throws UsageError naming `where` at the first piece that is not finite */
export async function* finite(
  pieces: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  where: string,
): AsyncGenerator<Float32Array> {
  for await (const piece of pieces) {
    const at = firstNotFinite(piece);
    if (at >= 0) throw notFinite(where, piece[at]!);
    yield piece;
  }
}
