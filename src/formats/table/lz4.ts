// Unpacks LZ4 frames, the usual compression of Feather files.
import { decodeBlock } from './lz4-block.js';

const MAGIC = 0x184d2204;
const INDEPENDENT = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const STORED = 0x80000000;
/** Largest size of a block, by its code in the header. */
const blockSizes: Readonly<Record<number, number>> = { 4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22 };

/**
 * The content of a frame.
 *
 * @throws RangeError for one that is cut short or damaged, or needs a dictionary
 */
export const decodeLz4Frame = (bytes: Uint8Array): Uint8Array => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw new RangeError('no LZ4 frame');
  const flags = view.getUint8(4);
  const most = blockSizes[(view.getUint8(5) >> 4) & 7];
  if ((flags & DICTIONARY) !== 0 || most === undefined) throw new RangeError('an LZ4 frame of another kind');
  let at = 6 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8) + 1;
  const linked = (flags & INDEPENDENT) === 0;
  let content = new Uint8Array(Math.max(1024, 3 * bytes.length));
  let size = 0;
  for (;;) {
    const header = view.getUint32(at, true);
    at += 4;
    if (header === 0) break;
    const length = header & ~STORED;
    const block = bytes.subarray(at, at + length);
    if (block.length < length) throw new RangeError('an LZ4 frame that is cut short');
    if (content.length < size + most) {
      const larger = new Uint8Array(2 * content.length + most);
      larger.set(content);
      content = larger;
    }
    if ((header & STORED) !== 0) {
      content.set(block, size);
      size += length;
    } else size = decodeBlock(block, content, size, linked ? 0 : size, size + most);
    at += length + ((flags & BLOCK_CHECKSUM) === 0 ? 0 : 4);
  }
  if ((flags & CONTENT_CHECKSUM) !== 0 && at + 4 > bytes.length) throw new RangeError('no LZ4 checksum');
  return content.subarray(0, size);
};
