// Copies of compressed archives in the cache: content, refusals by name, and nothing left behind by a failure.
import assert from 'node:assert/strict';
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { ZipFile } from 'yazl';
import { type RepackOptions, repack } from '../../../src/datasets/archives/repack.js';
import { indexTar } from '../../../src/datasets/archives/tar.js';
import { VerydeepError } from '../../../src/errors.js';
import type { ProgressEvent } from '../../../src/progress.js';
import { withFolder } from '../../support.js';
import { patched } from './patched.js';

const tarOf = (
  ...entries: readonly (readonly [Partial<Header> & Pick<Header, 'name'>, string?])[]
): Promise<Buffer> => {
  const tar = pack();
  for (const [header, content] of entries) tar.entry({ mtime: new Date(0), ...header }, content ?? '');
  tar.finalize();
  return buffer(tar);
};

type ZipEntry = readonly [name: string, content: string | Buffer, mode?: number];

const zipOf = (...entries: readonly ZipEntry[]): Promise<Buffer> => {
  const zip = new ZipFile();
  for (const [name, content, mode = 0o100644] of entries) zip.addBuffer(Buffer.from(content), name, { mode });
  zip.end();
  return buffer(zip.outputStream);
};

/** Renames an entry in a .zip to a name of the same length that the writer would refuse. */
const renamed = (zip: Buffer, from: string, to: string): Buffer =>
  Buffer.from(zip.toString('latin1').replaceAll(from, to), 'latin1');

const withArchive = (
  name: string,
  bytes: Buffer,
  use: (path: string, cache: string) => Promise<void>,
): Promise<void> =>
  withFolder(async (folder) => {
    await writeFile(join(folder, name), bytes);
    await use(join(folder, name), join(folder, 'cache'));
  });

const contents = async (tar: string): Promise<Record<string, string>> => {
  const bytes = await readFile(tar);
  const { entries } = await indexTar(tar);
  return Object.fromEntries(
    entries.map(({ path, offset, length }) => [path, bytes.toString('utf8', offset, offset + length)]),
  );
};

const refused = (name: string, bytes: Buffer, message: RegExp, options: RepackOptions = {}): Promise<void> =>
  withArchive(name, bytes, async (path, cache) => {
    await assert.rejects(repack(path, { cache, ...options }), (error) => {
      assert.ok(error instanceof VerydeepError, String(error));
      assert.ok(error.message.includes(path), error.message);
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(await readdir(cache), []);
  });

describe('repack', () => {
  it('copies the files of a .tar.gz, once for each version of the archive, and tells progress', async () => {
    const tar = await tarOf(
      [{ name: 'a/', type: 'directory' }],
      [{ name: 'a/1' }, 'one'],
      [{ name: 'a/l', type: 'symlink', linkname: '1' }],
      [{ name: `a/${'long'.repeat(40)}` }, 'x'.repeat(3000)],
    );
    await withArchive('x.tar.gz', gzipSync(tar), async (path, cache) => {
      const events: ProgressEvent[] = [];
      const copy = await repack(path, { cache, onProgress: (event) => events.push(event) });
      assert.deepEqual(await contents(copy), { 'a/1': 'one', [`a/${'long'.repeat(40)}`]: 'x'.repeat(3000) });
      assert.match(copy, /\/x-[0-9a-f]{16}\.tar$/);
      assert.ok(
        events.length > 0 && events.every(({ task, unit }) => task === 'unpack x.tar.gz' && unit === 'bytes'),
      );
      assert.equal(events.at(-1)!.done, (await readFile(copy)).length);
      events.length = 0;
      assert.equal(await repack(path, { cache, onProgress: (event) => events.push(event) }), copy);
      assert.deepEqual(events, []);
      await utimes(path, 1, 1);
      assert.notEqual(await repack(path, { cache }), copy);
    });
  });

  it('copies the files of a .zip, and of the archives in it that are asked for', async () => {
    const inner = gzipSync(await tarOf([{ name: 'images/1' }, 'one']));
    const zip = await zipOf(
      ['x/images.tar.gz', inner],
      ['x/other.tar', await tarOf([{ name: 'no' }, 'no'])],
      ['x/readme', 'hello'],
      ['x/link', 'readme', 0o120777],
    );
    await withArchive('x.zip', zip, async (path, cache) => {
      const copy = await repack(path, { cache, inner: /images/ });
      assert.deepEqual(await contents(copy), { 'images/1': 'one', 'x/readme': 'hello' });
      assert.deepEqual(await contents(await repack(path, { cache })), { 'x/readme': 'hello' });
    });
  });

  it('refuses by name what would lie outside, in either form', async () => {
    await refused(
      'x.tgz',
      gzipSync(await tarOf([{ name: '../x' }, 'x'])),
      /Refused .*its entry "\.\.\/x" lies outside/,
    );
    await refused(
      'x.tar.gz',
      gzipSync(await tarOf([{ name: 'l', type: 'symlink', linkname: '/etc/passwd' }])),
      /its entry "l" is a link out of the folder, to "\/etc\/passwd"/,
    );
    const zip = await zipOf(['aa/x', 'x']);
    await refused('x.zip', renamed(zip, 'aa/x', '../x'), /its entry "\.\.\/x" lies outside|\.\.\/x/);
    await refused('x.zip', renamed(zip, 'aa/x', '/a/x'), /\/a\/x/);
    await refused(
      'x.zip',
      await zipOf(['a/l', '../../x', 0o120777]),
      /its entry "a\/l" is a link out of the folder, to "\.\.\/\.\.\/x"/,
    );
    const inner = gzipSync(await tarOf([{ name: '/x' }, 'x']));
    await refused('x.zip', await zipOf(['i.tar.gz', inner]), /its entry "\/x" lies outside/, { inner: /i/ });
  });

  it('refuses bombs by the size that they declare, before unpacking them', async () => {
    const zeros = 'x'.repeat(300_000);
    const message =
      /Refused the archive .*: with its entry "a\/2" of 300000 bytes it would unpack to more than 500000 bytes\./;
    const limits = { maxBytes: 500_000 };
    await refused(
      'x.tar.gz',
      gzipSync(await tarOf([{ name: 'a/1' }, zeros], [{ name: 'a/2' }, zeros])),
      message,
      limits,
    );
    await refused('x.zip', await zipOf(['a/1', zeros], ['a/2', zeros]), message, limits);
    // The limit by default: 20 times the archive, at least 256 MiB. 300 MiB of zeros are 300 KB packed.
    const header = patched(
      await tarOf([{ name: 'a/bomb' }]),
      124,
      (300 * 2 ** 20).toString(8).padStart(11, '0'),
    );
    await refused('x.tar.gz', gzipSync(header), /with its entry "a\/bomb" of 314572800 bytes/);
  });

  it('refuses a .zip whose entries are larger than they declare', async () => {
    const zip = await zipOf(['a/1', 'x'.repeat(1000)]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(1000);
    const lie = Buffer.alloc(4);
    lie.writeUInt32LE(10);
    await refused(
      'x.zip',
      renamed(zip, size.toString('latin1'), lie.toString('latin1')),
      /is damaged or ends too early/,
    );
  });

  it('says that an archive is cut or damaged', async () => {
    const gz = gzipSync(await tarOf([{ name: 'a/1' }, Array.from({ length: 5000 }, (_, i) => i).join()]));
    await refused(
      'x.tar.gz',
      gz.subarray(0, gz.length >> 1),
      /damaged or ends too early \(unexpected end of file\)\. Download it again\.$/,
    );
    const flipped = Buffer.from(gz);
    flipped[gz.length >> 1]! ^= 0xff;
    await refused('x.tar.gz', flipped, /damaged or ends too early/);
    await refused(
      'x.tar.gz',
      Buffer.from('<html>not found</html>'),
      /damaged or ends too early \(incorrect header check\)/,
    );
    const zip = await zipOf(['a/1', 'x'.repeat(1000)]);
    await refused('x.zip', zip.subarray(0, zip.length - 30), /damaged or ends too early/);
  });
});
