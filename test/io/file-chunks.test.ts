import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileChunks } from '../../src/io/file-chunks.js';
import { sha256OfFile } from '../../src/io/files.js';
import { withFolder } from '../support.js';

const MIB = 1 << 20;

describe('file chunks', () => {
  for (const length of [0, 1, MIB, 2 * MIB + 1, 3 * MIB - 1])
    it(`are the ${length} bytes of a file in order`, () =>
      withFolder(async (folder) => {
        const path = join(folder, 'file');
        const bytes = Buffer.alloc(length);
        for (let i = 0; i < length; i += 97) bytes[i] = i % 251;
        await writeFile(path, bytes);
        const pieces: Buffer[] = [];
        for await (const chunk of fileChunks(path)) pieces.push(Buffer.from(chunk));
        assert.ok(Buffer.concat(pieces).equals(bytes));
        assert.equal(await sha256OfFile(path), createHash('sha256').update(bytes).digest('hex'));
      }));

  it('are closed where the reader stops early, and where it fails', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file');
      await writeFile(path, Buffer.alloc(3 * MIB));
      for await (const chunk of fileChunks(path)) {
        assert.equal(chunk.length, MIB);
        break;
      }
      await assert.rejects(async () => {
        for await (const chunk of fileChunks(path)) throw new Error(`${chunk.length}`);
      }, /1048576/);
      await assert.rejects(() => sha256OfFile(join(folder, 'none')), { code: 'ENOENT' });
    }));
});
