import assert from 'node:assert/strict';
import { gramOf } from '../../src/classifiers/gram.js';
import { Random } from '../../src/random.js';

const rows = 1301; // Three blocks, the last of them cut, and no multiple of four.
const columns = 7;
const random = new Random('gram');
const data = Float32Array.from({ length: rows * columns }, () => random.normal());
const matrix = { rows, columns, data };

describe('the Gram matrix of the dual solver', () => {
  for (const threads of [1, 2]) {
    it(`holds all inner products, symmetric to the last bit, placed by WebAssembly and by plain loops (threads: ${threads})`, () => {
      const fast = gramOf(matrix, { threads });
      const plain = gramOf(matrix, { threads, plain: true });
      assert.ok(fast.memory && !plain.memory);
      assert.deepEqual(fast.data, plain.data);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j <= i; j++) {
          let exact = 0;
          for (let k = 0; k < columns; k++) exact += data[i * columns + k]! * data[j * columns + k]!;
          const found = fast.data[i * rows + j]!;
          assert.ok(Math.abs(found - exact) < 1e-4, `${i}, ${j}: ${found}, not ${exact}`);
          assert.ok(found === fast.data[j * rows + i], `${i}, ${j} is not ${j}, ${i}`);
        }
      }
    });
  }
});
