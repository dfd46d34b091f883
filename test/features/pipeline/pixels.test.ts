// Memory for pixels that is used again, and copied into only where it must be.
import assert from 'node:assert/strict';
import { PixelMemory } from '../../../src/features/pipeline/pixels.js';

describe('features/pixels', () => {
  it('copies pixels into memory that threads share, and leaves those that are there', () => {
    const memory = new PixelMemory();
    const image = { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    const held = memory.hold(image);
    assert.ok(held.data.buffer instanceof SharedArrayBuffer);
    assert.deepEqual([held.width, held.height, ...held.data], [2, 1, 1, 2, 3, 4, 5, 6]);
    assert.equal(memory.hold(held), held);
  });

  it('gives the same memory again once it was given back, and only then', () => {
    const memory = new PixelMemory();
    const image = (bytes: number) => ({ width: bytes / 3, height: 1, data: memory.take(bytes) });
    const [first, second] = [image(300_000), image(300_000)];
    assert.notEqual(first.data.buffer, second.data.buffer);
    memory.give(first);
    const larger = image(600_000);
    assert.notEqual(larger.data.buffer, first.data.buffer, 'it would not fit');
    const third = image(270_000);
    assert.equal(third.data.buffer, first.data.buffer);
    assert.equal(third.data.length, 270_000);
    assert.notEqual(image(270_000).data.buffer, first.data.buffer);
    memory.give(third);
    memory.give(second);
    const again = new Set([image(400_000).data.buffer, image(400_000).data.buffer]);
    assert.deepEqual(again, new Set([first.data.buffer, second.data.buffer]));
  });
});
