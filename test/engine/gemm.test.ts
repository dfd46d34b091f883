import assert from 'node:assert/strict';
import { gram, matmul } from '../../src/engine/gemm.js';
import { Random } from '../../src/random.js';

const normals = (n: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length: n }, () => random.normal());
};

describe('gemm', () => {
  it('multiplies, with either factor transposed', () => {
    const [m, k, n] = [5, 7, 3];
    const a = normals(m * k, 1);
    const b = normals(k * n, 2);
    const transposed = (x: Float32Array, rows: number, columns: number) =>
      Float32Array.from(x, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]!);
    const exact = Float32Array.from({ length: m * n }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < k; j++) sum += a[Math.floor(i / n) * k + j]! * b[j * n + (i % n)]!;
      return sum;
    });
    const [at, bt] = [transposed(a, m, k), transposed(b, k, n)];
    for (const product of [
      matmul(a, m, k, b, k, n),
      matmul(at, k, m, b, k, n, { transposeA: true }),
      matmul(a, m, k, bt, n, k, { transposeB: true, threads: 1 }),
      matmul(at, k, m, bt, n, k, { transposeA: true, transposeB: true }),
    ])
      product.forEach((value, i) => assert.ok(Math.abs(value - exact[i]!) < 1e-5));
  });

  it('gives a Gram matrix that is exactly symmetric, across blocks', () => {
    const [rows, columns] = [1300, 5];
    const x = normals(rows * columns, 3);
    const g = gram(x, rows, columns, { threads: 2 });
    for (let i = 0; i < rows; i += 7) {
      for (let j = 0; j < rows; j++) {
        let exact = 0;
        for (let k = 0; k < columns; k++) exact += x[i * columns + k]! * x[j * columns + k]!;
        assert.ok(Math.abs(g[i * rows + j]! - exact) < 1e-4);
        assert.equal(g[i * rows + j], g[j * rows + i]);
      }
    }
  });

  it('refuses lengths that do not fit', () => {
    assert.throws(() => gram(new Float32Array(5), 2, 3), /Expected 2 x 3 = 6 numbers for the matrix X/);
    assert.throws(() => gram(new Float32Array(0), 0, 3), /positive whole number for rows of X/);
    assert.throws(
      () => matmul(new Float32Array(6), 2, 3, new Float32Array(8), 2, 4),
      /Expected 3 rows for the second factor of a product but received 2/,
    );
  });
});
