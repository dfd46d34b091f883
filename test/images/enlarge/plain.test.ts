import assert from 'node:assert/strict';
import { loops } from '../../../src/images/enlarge/loops.js';
import { plainLoops } from '../../../src/images/enlarge/plain.js';
import { Random } from '../../../src/random.js';

describe('plain loops of resampling', () => {
  it("give the numbers of WebAssembly's, rounded and cut alike", () => {
    const random = new Random('resampling');
    const wasm = loops();
    const [inputs, outputs, taps, rows] = [11, 23, 4, 9];
    const [source, target, first, weights] = wasm.place([
      3 * inputs * rows,
      3 * outputs * rows,
      4 * outputs,
      4 * outputs * taps,
    ]) as [number, number, number, number];
    const bytes = wasm.bytes();
    const plain = plainLoops({ buffer: bytes.buffer as ArrayBuffer });
    const numbers = new Int32Array(bytes.buffer);
    for (let i = 0; i < 3 * inputs * rows; i++) bytes[source + i] = random.below(256);
    // Weights whose sums go below 0 and above 255.
    for (let i = 0; i < outputs * taps; i++) numbers[weights / 4 + i] = random.below(2 ** 23) - 2 ** 21;

    /** What a set of loops writes. */
    const result = (length: number, compute: () => void): number[] => {
      bytes.fill(7, target, target + length);
      compute();
      return [...bytes.subarray(target, target + length)];
    };
    for (let i = 0; i < outputs; i++) numbers[first / 4 + i] = 3 * random.below(inputs - taps + 1);
    const [wide, plainWide] = [wasm, plain].map(({ widen }) =>
      result(3 * outputs * rows, () =>
        widen(source, target, rows, 3 * inputs, outputs, taps, first, weights),
      ),
    );
    assert.deepEqual(plainWide, wide);
    assert.ok(wide!.includes(0) && wide!.includes(255) && new Set(wide).size > 50);
    const most = Math.floor((3 * outputs * rows) / (3 * inputs));
    for (let i = 0; i < most; i++) numbers[first / 4 + i] = random.below(rows - taps + 1);
    const [high, plainHigh] = [wasm, plain].map(({ heighten }) =>
      result(3 * inputs * most, () => heighten(source, target, 3 * inputs, most, taps, first, weights)),
    );
    assert.deepEqual(plainHigh, high);
    assert.notDeepEqual(high, new Array(high!.length).fill(7));
  });
});
