// Decoding: every kind of image becomes 8-bit sRGB with exact values; everything broken is an ImageError with a reason.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { decode, loadImage } from '../../src/images/decode.js';
import { ImageError } from '../../src/images/image.js';
import { readImageBytes } from '../../src/images/source.js';
import { withFolder } from '../support.js';

/** Two pixels beside each other in sharp's raw form. */
const raw = (data: Uint8Array | Uint16Array, channels: 1 | 2 | 3 | 4): Sharp =>
  sharp(data, { raw: { width: 2, height: 1, channels } });

const pixelsOf = async (bytes: Uint8Array): Promise<number[]> => [...(await decode(bytes, 'a')).data];

/** Noise, so that encoded data is long enough to be cut at interesting places. */
const noise = (): Sharp =>
  sharp(
    Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => (i * 7919) % 256),
    { raw: { width: 64, height: 48, channels: 3 } },
  );

const reason = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof ImageError, String(error));
    assert.equal(error.path, 'photos/a.jpg');
    assert.equal(error.message, `Cannot use the image photos/a.jpg: ${error.reason}.`);
    assert.ok(!error.message.includes('\n'));
    return error.reason;
  }
  return assert.fail('no error');
};

/** An uncompressed TIFF of two grey pixels, with tags of one's own (type 4, one value each). */
const tiff = (
  pixels: Buffer,
  bits: number,
  own: readonly (readonly [tag: number, value: number])[],
): Buffer => {
  const tags = [
    [256, 2],
    [257, 1],
    [258, bits],
    [259, 1],
    [262, 1],
    [273, 512],
    [277, 1],
    [278, 1],
    [279, pixels.length],
    ...own,
  ].sort(([a], [b]) => a - b);
  const file = Buffer.alloc(512 + pixels.length);
  file.write('II*\0\x08\0\0\0', 0, 'latin1');
  file.writeUInt16LE(tags.length, 8);
  tags.forEach(([tag, value], i) => {
    file.writeUInt16LE(tag, 10 + 12 * i);
    file.writeUInt16LE(4, 12 + 12 * i);
    file.writeUInt32LE(1, 14 + 12 * i);
    file.writeUInt32LE(value, 18 + 12 * i);
  });
  file.set(pixels, 512);
  return file;
};

describe('decode', () => {
  it('keeps RGB as it is, rows from the top', async () => {
    const data = Uint8Array.from([1, 2, 3, 40, 50, 60, 7, 8, 9, 250, 251, 255]);
    const png = await sharp(data, { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    assert.deepEqual(await decode(png, 'a'), { width: 2, height: 2, data: Buffer.from(data) });
  });

  it('refuses a TIFF whose numbers have no range, and camera RAW, of which a preview would be seen', async () => {
    assert.deepEqual(
      [...(await decode(tiff(Buffer.from([7, 200]), 8, []), 'a')).data],
      [7, 7, 7, 200, 200, 200],
    );
    const floats = Buffer.alloc(8);
    floats.writeFloatLE(0.25, 0);
    floats.writeFloatLE(1, 4);
    const refused: readonly [Buffer, RegExp][] = [
      [
        tiff(floats, 32, [[339, 3]]),
        /^its pixels are 32-bit floating-point numbers, .* convert it to 8 or 16 bits$/,
      ],
      [tiff(floats, 32, []), /^its pixels are 32-bit whole numbers/],
      [tiff(Buffer.alloc(4), 16, [[339, 2]]), /^its pixels are 16-bit signed numbers/],
      [tiff(Buffer.from([7, 200]), 8, [[50_706, 0x0104]]), /^it is camera RAW, which is not supported/],
      [tiff(Buffer.from([7, 200]), 8, [[254, 1]]), /^it is camera RAW/],
    ];
    for (const [bytes, message] of refused)
      assert.match(await reason(decode(bytes, 'photos/a.jpg')), message);
  });

  it('names types that are not supported, whatever the file is called', async () => {
    const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08mdat', 'latin1');
    assert.equal(
      await reason(decode(heic, 'photos/a.jpg')),
      'it is HEIC (HEIF with HEVC), which is not supported: convert it to JPEG or PNG',
    );
    const avif = await noise().avif().toBuffer();
    assert.equal((await decode(avif, 'a')).width, 64);
    const begins: readonly [string, string][] = [
      ['\0\0\0\x18ftypmif1\0\0\0\0mif1heic', 'HEIC'],
      ['\0\0\0\x18ftypcrx \0\0\0\0crx isom', 'camera RAW (Canon CR3)'],
      ['\0\0\0\x18ftypisom\0\0\0\0isomavc1', 'a film'],
      ['\xff\x0a\x10\xd0', 'JPEG XL'],
      ['\0\0\0\x0cjP  \r\n\x87\n', 'JPEG 2000'],
      ['BM\x36\x10\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x20\0\0\0\x20\0\0\0', 'BMP'],
      ['P6\n2 1\n255\n', 'Netpbm'],
      ['8BPS\0\x01', 'Photoshop'],
      ['%PDF-1.7', 'PDF'],
      ['v/1\x01\x02\0', 'OpenEXR'],
    ];
    for (const [start, name] of begins) {
      const bytes = Buffer.concat([Buffer.from(start, 'latin1'), Buffer.alloc(64, 1)]);
      assert.ok((await reason(decode(bytes, 'photos/a.jpg'))).startsWith(`it is ${name}`), name);
    }
  });

  it('reads pixels that lie in a file as they are', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'pixels');
      await writeFile(
        file,
        Uint8Array.from({ length: 20 }, (_, i) => 10 * i),
      );
      const slice = { offset: 2, length: 6 };
      const grey = await loadImage({ file, slice, pixels: { width: 3, height: 2, channels: 1 } });
      assert.deepEqual(
        [grey.width, grey.height, ...grey.data.subarray(0, 6)],
        [3, 2, 20, 20, 20, 30, 30, 30],
      );
      const rgb = await loadImage({ file, slice, pixels: { width: 1, height: 2, channels: 3 } });
      assert.deepEqual([rgb.width, rgb.height, ...rgb.data], [1, 2, 20, 30, 40, 50, 60, 70]);
    }));

  it('does not wait for the other end of a pipe', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'pipe.jpg');
      execFileSync('mkfifo', [file]);
      assert.equal(await reason(loadImage({ file }, 'photos/a.jpg')), 'it is a pipe or a device, not a file');
      assert.equal(await reason(loadImage({ file: folder }, 'photos/a.jpg')), 'it is a folder');
    }));

  it('spreads grey over three channels', async () => {
    const png = await raw(Uint8Array.from([0, 77]), 1)
      .toColourspace('b-w')
      .png()
      .toBuffer();
    assert.equal((await sharp(png).metadata()).channels, 1);
    assert.deepEqual(await pixelsOf(png), [0, 0, 0, 77, 77, 77]);
  });

  it('takes the upper byte of 16-bit grey and colour', async () => {
    const grey = await raw(Uint16Array.from([0x1234, 0xffff]), 1)
      .toColourspace('grey16')
      .png()
      .toBuffer();
    assert.equal((await sharp(grey).metadata()).depth, 'ushort');
    assert.deepEqual(await pixelsOf(grey), [0x12, 0x12, 0x12, 255, 255, 255]);
    const colour = await raw(Uint16Array.from([0x0100, 0x8000, 0xffff, 0, 0x7f00, 0x0200]), 3)
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    assert.equal((await sharp(colour).metadata()).depth, 'ushort');
    assert.deepEqual(await pixelsOf(colour), [1, 128, 255, 0, 127, 2]);
  });

  it('flattens transparency on white', async () => {
    const rgba = await raw(Uint8Array.from([10, 20, 30, 0, 100, 0, 200, 51]), 4)
      .png()
      .toBuffer();
    // 51 / 255 = 0.2: 100 * 0.2 + 255 * 0.8 = 224, 0 + 204, 200 * 0.2 + 204 = 244
    assert.deepEqual(await pixelsOf(rgba), [255, 255, 255, 224, 204, 244]);
    const greyAlpha = await raw(Uint8Array.from([0, 51, 9, 0]), 2)
      .toColourspace('b-w')
      .png()
      .toBuffer();
    assert.equal((await sharp(greyAlpha).metadata()).channels, 2);
    assert.deepEqual(await pixelsOf(greyAlpha), [204, 204, 204, 255, 255, 255]);
  });

  it('resolves palettes', async () => {
    const png = await raw(Uint8Array.from([255, 0, 0, 0, 0, 255]), 3)
      .png({ palette: true, colours: 2 })
      .toBuffer();
    assert.equal((await sharp(png).metadata()).isPalette, true);
    assert.deepEqual(await pixelsOf(png), [255, 0, 0, 0, 0, 255]);
  });

  it('converts CMYK', async () => {
    // No ink is white, all ink is near black: exact values are the press profile's.
    const jpeg = await sharp({
      create: { width: 8, height: 8, channels: 3, background: { r: 255, g: 255, b: 255 } },
    })
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer();
    assert.equal((await sharp(jpeg).metadata()).channels, 4);
    const { data } = await decode(jpeg, 'a');
    assert.equal(data.length, 8 * 8 * 3);
    assert.ok(data.every((value) => value >= 250));
  });

  it('converts tagged colours to sRGB', async () => {
    const p3 = await sharp({
      create: { width: 2, height: 1, channels: 3, background: { r: 200, g: 60, b: 60 } },
    })
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const [r, g, b] = await pixelsOf(p3);
    assert.ok(Math.abs(r! - 200) <= 1 && Math.abs(g! - 60) <= 1 && Math.abs(b! - 60) <= 1, `${r} ${g} ${b}`);
    const stored = await sharp(p3, { ignoreIcc: true }).raw().toBuffer();
    assert.ok(stored[0]! < 195, 'the stored value is that of the wider space');
  });

  it('draws SVG at its own size', async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="1"><rect width="1" height="1" fill="#102030"/></svg>',
    );
    assert.deepEqual(await pixelsOf(svg), [16, 32, 48, 255, 255, 255]);
  });

  it('takes the first frame of an animation', async () => {
    const frames = Uint8Array.from([255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255]);
    const gif = await sharp(frames, { raw: { width: 2, height: 2, channels: 3, pageHeight: 1 } })
      .gif()
      .toBuffer();
    assert.equal((await sharp(gif).metadata()).pages, 2);
    const image = await decode(gif, 'a');
    assert.deepEqual([image.width, image.height], [2, 1]);
    assert.deepEqual([...image.data], [255, 0, 0, 255, 0, 0]);
  });

  it('turns by EXIF orientation only when asked', async () => {
    const png = await raw(Uint8Array.from([1, 2, 3, 4, 5, 6]), 3)
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const stored = await decode(png, 'a');
    assert.deepEqual([stored.width, stored.height, ...stored.data], [2, 1, 1, 2, 3, 4, 5, 6]);
    const turned = await decode(png, 'a', { orient: true });
    assert.deepEqual([turned.width, turned.height, ...turned.data], [1, 2, 1, 2, 3, 4, 5, 6]);
  });

  it('refuses more pixels than the limit before it decodes them', async () => {
    const png = await noise().png().toBuffer();
    const path = 'photos/a.jpg';
    assert.equal(await reason(decode(png, path, { maxPixels: 3071 })), 'it has more than 3071 pixels');
    assert.equal((await decode(png, path, { maxPixels: 3072 })).data.length, 9216);
    const bomb = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="20000"/>');
    assert.equal(await reason(decode(bomb, path)), 'it has more than 100000000 pixels');
  });

  for (const type of ['jpeg', 'png', 'gif', 'webp', 'tiff'] as const) {
    it(`names a ${type} that is cut short`, async () => {
      const whole = await noise().toFormat(type).toBuffer();
      for (const share of [0.1, 0.5, 0.8]) {
        const part = whole.subarray(0, Math.floor(whole.length * share));
        assert.match(
          await reason(decode(part, 'photos/a.jpg')),
          /cut short|damaged|no image of a known format/,
        );
      }
    });
  }

  it('says that a JPEG is cut short even near its end', async () => {
    const whole = await noise().jpeg().toBuffer();
    const part = whole.subarray(0, whole.length - 40);
    assert.equal(await reason(decode(part, 'photos/a.jpg')), 'the image data is cut short or damaged');
  });

  it('tells text, rubbish and emptiness apart', async () => {
    const path = 'photos/a.jpg';
    assert.equal(
      await reason(decode(Buffer.from('<html>404 näh</html>'), path)),
      'it holds text, not an image',
    );
    assert.equal(
      await reason(decode(Buffer.from([0, 1, 2, 3, 4, 5]), path)),
      'it is no image of a known format',
    );
    assert.equal(await reason(decode(Buffer.alloc(0), path)), 'the file is empty');
  });
});

describe('readImageBytes', () => {
  it('reads a file or a slice of it', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'a');
      await writeFile(file, '0123456789');
      assert.equal(Buffer.from(await readImageBytes({ file })).toString(), '0123456789');
      const slice = { offset: 3, length: 4 };
      assert.equal(Buffer.from(await readImageBytes({ file, slice })).toString(), '3456');
    }));

  it('gives a reason for what cannot be read', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'a');
      await writeFile(file, '');
      const path = 'photos/a.jpg';
      assert.equal(await reason(readImageBytes({ file }, path)), 'the file is empty');
      assert.equal(await reason(readImageBytes({ file: join(folder, 'b') }, path)), 'there is no such file');
      assert.equal(await reason(readImageBytes({ file: folder }, path)), 'it is a folder');
      const slice = { offset: 0, length: 5 };
      assert.match(await reason(readImageBytes({ file, slice }, path)), /ends after 0 of its 5 bytes$/);
      const huge = { offset: 0, length: 2 ** 30 };
      assert.equal(
        await reason(loadImage({ file, slice: huge }, path)),
        'it has 1073741824 bytes, more than 536870912',
      );
    }));
});
