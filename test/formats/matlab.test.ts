import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import { type MatlabFile, type MatlabValue, openMatlab } from '../../src/formats/matlab.js';
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

/** A value with its numbers read: what tests compare. */
const plain = async (value: MatlabValue | undefined): Promise<unknown> => {
  if (value?.kind === 'numbers') return { shape: value.shape, data: await value.values() };
  if (value?.kind === 'text') return value.text;
  if (value?.kind === 'cell') return Promise.all(value.elements.map(plain));
  return value?.kind;
};

const opened = async <T>(bytes: Uint8Array, use: (file: MatlabFile) => Promise<T>): Promise<T> => {
  const matlab = await openMatlab('a.mat', bytes);
  try {
    return await use(matlab);
  } finally {
    await matlab.close();
  }
};

describe('matlab', () => {
  it("reads the development kit's table of synsets, compressed", async () => {
    const matlab = await openMatlab(fixture('imagenet', 'meta.mat'));
    const table = matlab.variables.get('synsets');
    assert.ok(table?.kind === 'struct');
    assert.deepEqual(table.shape, [7, 1]);
    const [first] = table.elements;
    assert.deepEqual(first!.get('WNID'), { kind: 'text', shape: [1, 9], text: 'n02119789' });
    assert.deepEqual(await plain(first!.get('ILSVRC2012_ID')), { shape: [1, 1], data: Uint16Array.of(1) });
    assert.deepEqual(
      [...first!.keys()],
      [
        ...['ILSVRC2012_ID', 'WNID', 'words', 'gloss', 'num_children', 'children'],
        ...['wordnet_height', 'num_train_images'],
      ],
    );
    const children = table.elements[6]!.get('children');
    assert.ok(children?.kind === 'numbers');
    assert.deepEqual([...(await children.values())], [1, 4, 5, 6]);
    await matlab.close();
  });

  it('reads numbers in the order and the type in which they are stored', () =>
    opened(
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
      async ({ variables }) => {
        assert.deepEqual(await plain(variables.get('a')), {
          shape: [2, 2],
          data: Float64Array.of(1, 2.5, -3, 4),
        });
        assert.deepEqual(await plain(variables.get('b')), { shape: [1, 3], data: Uint8Array.of(7, 8, 255) });
        assert.deepEqual(await plain(variables.get('c')), { shape: [1, 1], data: Float32Array.of(0.5) });
      },
    ));

  it('leaves large arrays in the file and reads them in any order, compressed or not', async () => {
    const [first, second] = [0, 1].map((n) => Float32Array.from({ length: 1_200_000 }, (_, i) => i + n));
    const cell = matrix(
      1,
      [1, 2],
      'both',
      Buffer.concat(
        [first!, second!].map((numbers) =>
          matrix(7, [1000, 1200], '', element(7, Buffer.from(numbers.buffer))),
        ),
      ),
    );
    for (const content of [cell, element(15, deflateSync(cell, { level: 1 }))]) {
      await opened(file(content), async ({ variables }) => {
        const both = variables.get('both');
        assert.ok(both?.kind === 'cell');
        const [a, b] = both.elements;
        assert.ok(a?.kind === 'numbers' && b?.kind === 'numbers');
        assert.equal(b.dtype, 'F32');
        let pieces = 0;
        for await (const piece of b.chunks()) pieces += piece.length > 0 ? 1 : 0;
        assert.equal(pieces, 2);
        assert.ok(Buffer.from((await a.values()).buffer).equals(Buffer.from(first!.buffer)));
        assert.ok(Buffer.from((await b.values()).buffer).equals(Buffer.from(second!.buffer)));
      });
    }
  });

  it('reads files of big-endian machines', () => {
    const data = Buffer.alloc(8);
    data.writeDoubleBE(-1.25);
    const content = matrix(6, [1, 1], 'x', element(9, data, false), false);
    return opened(file(content, false), async ({ variables }) => {
      // Twice: reading must not turn the bytes that are kept.
      for (let n = 0; n < 2; n++)
        assert.deepEqual(await plain(variables.get('x')), { shape: [1, 1], data: Float64Array.of(-1.25) });
    });
  });

  it('reads cells, and texts in every encoding', () => {
    const utf8 = matrix(4, [1, 2], '', element(16, Buffer.from('ab')));
    const utf16 = matrix(4, [1, 2], '', element(17, Buffer.from('é🙂'.slice(0, 1) + 'z', 'utf16le')));
    const utf32 = matrix(4, [1, 1], '', element(18, words([0x1f642])));
    const empty = element(14, Buffer.alloc(0));
    return opened(
      file(matrix(1, [1, 4], 'cells', Buffer.concat([utf8, utf16, utf32, empty]))),
      async ({ variables }) => {
        assert.deepEqual(await plain(variables.get('cells')), [
          'ab',
          'éz',
          '🙂',
          { shape: [0, 0], data: new Float64Array(0) },
        ]);
      },
    );
  });

  it('passes over classes that hold no numbers or texts', () =>
    opened(
      file(
        Buffer.concat([
          matrix(5, [1, 1], 'sparse', element(9, doubles(1))),
          matrix(6, [1, 1], 'after', element(9, doubles(2))),
        ]),
      ),
      async ({ variables }) => {
        assert.deepEqual(variables.get('sparse'), { kind: 'other', shape: [1, 1], class: 5 });
        assert.deepEqual(await plain(variables.get('after')), { shape: [1, 1], data: Float64Array.of(2) });
      },
    ));

  const sound = file(matrix(6, [2, 2], 'a', element(9, doubles(1, 2, 3, 4))));
  const wrong: readonly [string, Buffer, RegExp][] = [
    ['another kind of file', Buffer.from('text'), /Expected a MATLAB 5 file in bad.mat/],
    ['a file that is cut short', sound.subarray(0, sound.length - 9), /a variable of 88 bytes at byte 128/],
    ['a tag that is cut short', sound.subarray(0, 132), /no variable at byte 128/],
    [
      'sizes that do not fit',
      file(matrix(6, [2, 3], 'a', element(9, doubles(1, 2, 3, 4)))),
      /the array a \(2 x 3\) has 32 bytes of type F64/,
    ],
    ['damaged compression', file(element(15, Buffer.from('no zlib data'))), /bad.mat is damaged/],
    ['a type that does not exist', file(matrix(6, [1, 1], 'a', element(99, doubles(1)))), /unknown type 99/],
  ];
  for (const [what, bytes, message] of wrong) {
    it(`refuses ${what}`, () =>
      assert.rejects(
        openMatlab('bad.mat', bytes),
        (error) =>
          error instanceof UsageError && message.test(error.message) && error.message.includes('bad.mat'),
      ));
  }
});
