// Brings a block of the Gram matrix to its place and its mirror image to the other side of the diagonal.
import { storeMirrored } from './mirror';

/**
 * Copies `height` rows of `width` numbers to (top, left) of the matrix of n x n, and their mirror image to (left, top): first what
 * is mirrored, so that a block that reaches over the diagonal counts above it.
 */
export function place(gram: usize, n: i32, block: usize, top: i32, left: i32, height: i32, width: i32): void {
  const stride = (<usize>n) << 2;
  const blockStride = (<usize>width) << 2;
  const mirrored = gram + <usize>left * stride + ((<usize>top) << 2);
  const wholeWidth = width & ~3;
  const wholeHeight = height & ~3;
  for (let c: i32 = 0; c < wholeWidth; c += 4) {
    const from = block + ((<usize>c) << 2);
    const to = mirrored + <usize>c * stride;
    for (let r: i32 = 0; r < wholeHeight; r += 4) {
      const row = from + <usize>r * blockStride;
      storeMirrored(
        v128.load(row),
        v128.load(row + blockStride),
        v128.load(row + 2 * blockStride),
        v128.load(row + 3 * blockStride),
        to + ((<usize>r) << 2),
        stride,
      );
    }
  }
  for (let c: i32 = 0; c < width; c++) {
    for (let r = c < wholeWidth ? wholeHeight : 0; r < height; r++) {
      store<f32>(
        mirrored + <usize>c * stride + ((<usize>r) << 2),
        load<f32>(block + <usize>r * blockStride + ((<usize>c) << 2)),
      );
    }
  }
  for (let r: i32 = 0; r < height; r++) {
    const to = gram + <usize>(top + r) * stride + ((<usize>left) << 2);
    // Of a block on the diagonal what is above it counts, so that the matrix is symmetric to the last bit.
    const skipped: i32 = top + r > left ? min(top + r - left, width) : 0;
    memory.copy(
      to + ((<usize>skipped) << 2),
      block + <usize>r * blockStride + ((<usize>skipped) << 2),
      (<usize>(width - skipped)) << 2,
    );
  }
}
