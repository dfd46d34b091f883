import assert from 'node:assert/strict';
import { decodeFloat16, encodeFloat16 } from '../../src/formats/float16.js';
import { floatsOf } from '../../src/formats/floats.js';

/** The definition: sign, exponent of 5 bits with bias 15, fraction of 10 bits. */
const valueOf = (code: number): number => {
  const [sign, exponent, fraction] = [code & 0x8000 ? -1 : 1, (code >> 10) & 31, code & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
const bitsOf = (floats: Float32Array): Uint32Array => new Uint32Array(floats.buffer);
const CANONICAL_NAN = 0x7fc00000;

/** The float32 after `x` (positive), or before it. */
const neighbour = (x: number, step: 1 | -1): number => {
  const float = Float32Array.of(x);
  bitsOf(float)[0]! += step;
  return float[0]!;
};

describe('half-precision numbers', () => {
  it('are decoded to the value of their bits, all 65,536 of them; NaN to one NaN', () => {
    const decoded = decodeFloat16(codes);
    const expected = Float32Array.from(codes, valueOf);
    codes.forEach((code) => {
      const bits = Number.isNaN(expected[code]) ? CANONICAL_NAN : bitsOf(expected)[code];
      assert.equal(bitsOf(decoded)[code], bits, `code ${code}`);
    });
    assert.deepEqual(floatsOf(new Uint8Array(codes.buffer), 'F16', 'x'), decoded);
    const unaligned = new Uint8Array(codes.byteLength + 1).subarray(1);
    unaligned.set(new Uint8Array(codes.buffer));
    assert.deepEqual(floatsOf(unaligned, 'F16', 'x'), decoded);
  });

  it('give their bits back, but for the payload of NaN', () => {
    const encoded = encodeFloat16(Float32Array.from(codes, valueOf));
    codes.forEach((code) => {
      if (Number.isNaN(valueOf(code))) assert.equal(encoded[code], 0x7e00);
      else assert.equal(encoded[code], code);
    });
    const negative = new Float32Array(Uint32Array.of(0xffc00001, 0xff800001, 0x7f800001).buffer);
    assert.deepEqual(encodeFloat16(negative), Uint16Array.of(0xfe00, 0xfe00, 0x7e00));
  });

  it('are the nearest to a float32, the even one half-way between two', () => {
    const [values, expected]: [number[], number[]] = [[], []];
    for (let code = 0; code < 0x7c00; code++) {
      // Above 65504 the next would be 65536: from half-way on it is infinity.
      const next = code === 0x7bff ? 65536 : valueOf(code + 1);
      const middle = (valueOf(code) + next) / 2; // Exact in float32.
      assert.equal(Math.fround(middle), middle);
      const even = code % 2 === 0 ? code : code + 1;
      values.push(neighbour(middle, -1), middle, neighbour(middle, 1));
      expected.push(code, even, code + 1);
    }
    assert.deepEqual(encodeFloat16(Float32Array.from(values)), Uint16Array.from(expected));
    assert.deepEqual(
      encodeFloat16(Float32Array.from(values, (x) => -x)),
      Uint16Array.from(expected, (code) => code | 0x8000),
    );
    const beyond = Float32Array.of(65536, 3.4e38, Infinity, -1e6, 1e-45, -1e-45);
    assert.deepEqual(encodeFloat16(beyond), Uint16Array.of(0x7c00, 0x7c00, 0x7c00, 0xfc00, 0, 0x8000));
  });

  it('are what DataView reads and writes, where Node has it', function () {
    const view = new DataView(new ArrayBuffer(4)) as DataView & {
      getFloat16?: (offset: number, little: boolean) => number;
      setFloat16?: (offset: number, value: number, little: boolean) => void;
    };
    if (!view.getFloat16 || !view.setFloat16) return this.skip();
    const decoded = decodeFloat16(codes);
    for (const code of codes) {
      view.setUint16(0, code, true);
      assert.ok(Object.is(view.getFloat16(0, true), decoded[code]), `code ${code}`);
      const x = neighbour(Math.abs(decoded[code]!), 1);
      if (Number.isNaN(x)) continue;
      view.setFloat16(0, x, true);
      assert.equal(encodeFloat16(Float32Array.of(x))[0], view.getUint16(0, true));
    }
    return undefined;
  });
});
