import assert from 'node:assert/strict';
import { VerydeepError } from '../src/errors.js';
import { PAGE, growingMemory, reserve } from '../src/webassembly.js';

describe('memory of WebAssembly', () => {
  it('grows to what is asked for, and never shrinks', () => {
    const memory = growingMemory(1);
    reserve(memory, 3 * PAGE + 1);
    assert.equal(memory.buffer.byteLength, 4 * PAGE);
    reserve(memory, PAGE);
    assert.equal(memory.buffer.byteLength, 4 * PAGE);
  });

  it('that cannot be had is a clear error', () => {
    const memory = growingMemory(1);
    assert.throws(
      () => reserve(memory, 2 ** 33),
      (error) => error instanceof VerydeepError && /^Too little memory for 8192 MiB/.test(error.message),
    );
    assert.equal(memory.buffer.byteLength, PAGE);
  });
});
