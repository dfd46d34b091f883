import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';
import { type MatlabValue, readMatlab } from '../../src/formats/matlab.js';
import { UsageError } from '../../src/errors.js';
import { fixture } from '../support.js';

/** A data element in the 8-byte form; padded, but for compressed ones. */
const element = (type: number, data: Uint8Array, little = true): Buffer => {
  const tag = Buffer.alloc(8);
  if (little) {
    tag.writeUInt32LE(type, 0);
    tag.writeUInt32LE(data.length, 4);
  } else {
    tag.writeUInt32BE(type, 0);
    tag.writeUInt32BE(data.length, 4);
  }
  return Buffer.concat([tag, data, Buffer.alloc(type === 15 ? 0 : (8 - (data.length % 8)) % 8)]);
};

const words = (values: number[], little = true): Buffer => {
  const buffer = Buffer.alloc(4 * values.length);
  values.forEach((value, i) =>
    little ? buffer.writeInt32LE(value, 4 * i) : buffer.writeInt32BE(value, 4 * i),
  );
  return buffer;
};

const matrix = (kind: number, dims: number[], name: string, content: Buffer, little = true): Buffer =>
  element(
    14,
    Buffer.concat([
      element(6, words([kind, 0], little), little),
      element(5, words(dims, little), little),
      element(1, Buffer.from(name), little),
      content,
    ]),
    little,
  );

const file = (content: Buffer, little = true): Buffer => {
  const header = Buffer.alloc(128, ' ');
  header.write(little ? '\u0000\u0001IM' : '\u0001\u0000MI', 124, 'latin1');
  return Buffer.concat([header, content]);
};

const doubles = (...values: number[]): Buffer => Buffer.from(Float64Array.from(values).buffer);

describe('matlab', () => {
  it("reads the development kit's table of synsets, compressed", async () => {
    const table = readMatlab('meta.mat', await readFile(fixture('imagenet', 'meta.mat'))).get('synsets');
    assert.ok(table?.kind === 'struct');
    assert.deepEqual(table.dims, [7, 1]);
    const [first] = table.elements;
    assert.deepEqual(first!['WNID'], { kind: 'text', dims: [1, 9], text: 'n02119789' });
    assert.deepEqual(first!['ILSVRC2012_ID'], { kind: 'numbers', dims: [1, 1], data: Uint16Array.of(1) });
    assert.deepEqual(Object.keys(first!), [
      'ILSVRC2012_ID',
      'WNID',
      'words',
      'gloss',
      'num_children',
      'children',
      'wordnet_height',
      'num_train_images',
    ]);
    const { children } = table.elements[6] as { children: MatlabValue };
    assert.ok(children.kind === 'numbers');
    assert.deepEqual([...children.data], [1, 4, 5, 6]);
  });

  it('reads numbers in the order and the type in which they are stored', () => {
    const values = readMatlab(
      'a.mat',
      file(
        Buffer.concat([
          matrix(6, [2, 2], 'a', element(9, doubles(1, 2.5, -3, 4))),
          matrix(6, [1, 3], 'b', element(2, Buffer.of(7, 8, 255))),
          element(
            15,
            deflateSync(matrix(7, [1, 1], 'c', element(7, Buffer.from(Float32Array.of(0.5).buffer)))),
          ),
        ]),
      ),
    );
    assert.deepEqual(values.get('a'), {
      kind: 'numbers',
      dims: [2, 2],
      data: Float64Array.of(1, 2.5, -3, 4),
    });
    assert.deepEqual(values.get('b'), { kind: 'numbers', dims: [1, 3], data: Uint8Array.of(7, 8, 255) });
    assert.deepEqual(values.get('c'), { kind: 'numbers', dims: [1, 1], data: Float32Array.of(0.5) });
  });

  it('reads files of big-endian machines', () => {
    const data = Buffer.alloc(8);
    data.writeDoubleBE(-1.25);
    const content = matrix(6, [1, 1], 'x', element(9, data, false), false);
    assert.deepEqual(readMatlab('a.mat', file(content, false)).get('x'), {
      kind: 'numbers',
      dims: [1, 1],
      data: Float64Array.of(-1.25),
    });
  });

  it('reads cells, and texts in every encoding', () => {
    const utf8 = matrix(4, [1, 2], '', element(16, Buffer.from('ab')));
    const utf16 = matrix(4, [1, 2], '', element(17, Buffer.from('é🙂'.slice(0, 1) + 'z', 'utf16le')));
    const empty = element(14, Buffer.alloc(0));
    const value = readMatlab(
      'a.mat',
      file(matrix(1, [1, 3], 'cells', Buffer.concat([utf8, utf16, empty]))),
    ).get('cells');
    assert.ok(value?.kind === 'cell');
    assert.deepEqual(
      value.elements.map((each) => (each.kind === 'text' ? each.text : each.dims)),
      ['ab', 'éz', [0, 0]],
    );
  });

  const sound = file(matrix(6, [2, 2], 'a', element(9, doubles(1, 2, 3, 4))));
  const wrong: readonly [string, Buffer, RegExp][] = [
    ['another kind of file', Buffer.from('text'), /Expected a MATLAB 5 file in bad.mat/],
    ['a file that is cut short', sound.subarray(0, sound.length - 9), /an element is longer than the file/],
    ['a tag that is cut short', sound.subarray(0, 132), /it ends too early/],
    [
      'sizes that do not fit',
      file(matrix(6, [2, 3], 'a', element(9, doubles(1, 2, 3, 4)))),
      /has 4 elements, not 2 x 3/,
    ],
    [
      'an unknown class',
      file(matrix(5, [1, 1], 's', element(9, doubles(1)))),
      /class \(5\) that is not read/,
    ],
    ['damaged compression', file(element(15, Buffer.from('no zlib data'))), /compressed data are damaged/],
    ['a type that does not exist', file(matrix(6, [1, 1], 'a', element(99, doubles(1)))), /unknown type 99/],
  ];
  for (const [what, bytes, message] of wrong) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => readMatlab('bad.mat', bytes),
        (error) =>
          error instanceof UsageError && message.test(error.message) && error.message.includes('bad.mat'),
      );
    });
  }
});
