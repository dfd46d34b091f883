// Checks that weights are finite: a single infinity or NaN makes every descriptor useless.
import { UsageError } from '../../errors.js';

/** The index of the first number that is infinite or NaN; -1 if all are finite. */
const firstNotFinite = (numbers: Float32Array): number => {
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i]!;
    if (value - value !== 0) return i;
  }
  return -1;
};

/** The error for a tensor with a number that is not finite. */
const notFinite = (where: string, value: number): UsageError =>
  new UsageError(
    `Expected finite numbers in ${where} but received ${value}: the net was not trained to its end, or the file is damaged.`,
  );

/**
 * Passes a tensor's pieces through. @throws UsageError naming `where` at the first piece with a number that
 * is not finite
 */
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
