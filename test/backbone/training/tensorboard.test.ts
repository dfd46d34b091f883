import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { EventFile, crc32c } from '../../../src/backbone/training/tensorboard.js';
import { withFolder } from '../../support.js';

describe('tensorboard', () => {
  it('computes CRC-32C as RFC 3720 does', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  });

  it('frames each event with its length and two masked checksums', () =>
    withFolder(async (folder) => {
      const events = await EventFile.create(folder, 0);
      await events.scalars(7, { 'train/loss': 0 });
      await events.close();
      const bytes = await readFile(events.path);
      const records: Buffer[] = [];
      for (let at = 0; at < bytes.length;) {
        const length = Number(bytes.readBigUInt64LE(at));
        const data = bytes.subarray(at + 12, at + 12 + length);
        for (const [part, stored] of [
          [bytes.subarray(at, at + 8), bytes.readUInt32LE(at + 8)],
          [data, bytes.readUInt32LE(at + 12 + length)],
        ] as const) {
          const crc = crc32c(part);
          assert.equal(stored, ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) % 2 ** 32);
        }
        records.push(data);
        at += 16 + length;
      }
      assert.equal(records.length, 2);
      assert.ok(records[0]!.includes('brain.Event:2'));
      assert.ok(records[1]!.includes('train/loss'));
    }));
});
