// Decoding: every kind of image becomes 8-bit sRGB with exact values; everything broken is an ImageError with a reason.
import assert from 'node:assert/strict';
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

describe('decode', () => {
  it('keeps RGB as it is, rows from the top', async () => {
    const data = Uint8Array.from([1, 2, 3, 40, 50, 60, 7, 8, 9, 250, 251, 255]);
    const png = await sharp(data, { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    assert.deepEqual(await decode(png, 'a'), { width: 2, height: 2, data: Buffer.from(data) });
  });

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
