// The index of a .tar against archives written by tar-stream and by GNU tar, and against archives made to do harm.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, open, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Header, pack } from 'tar-stream';
import { indexTar } from '../../../src/datasets/archives/tar.js';
import { VerydeepError } from '../../../src/errors.js';
import { withFolder } from '../../support.js';
import { patched } from './patched.js';

type Entry = readonly [header: Partial<Header> & Pick<Header, 'name'>, content?: string];

const tarOf = async (entries: readonly Entry[]): Promise<Buffer> => {
  const tar = pack();
  for (const [header, content] of entries) tar.entry({ mtime: new Date(0), ...header }, content ?? '');
  tar.finalize();
  return buffer(tar);
};

/** Runs `use` on a file with these bytes. */
const withTar = (bytes: Buffer, use: (path: string) => Promise<void>): Promise<void> =>
  withFolder(async (folder) => {
    const path = join(folder, 'a.tar');
    await writeFile(path, bytes);
    await use(path);
  });

/** Paths and contents as the index gives them. */
const contents = async (path: string): Promise<Record<string, string>> => {
  const bytes = await readFile(path);
  const { entries } = await indexTar(path);
  return Object.fromEntries(
    entries.map(({ path: name, offset, length }) => [name, bytes.toString('utf8', offset, offset + length)]),
  );
};

const refused = (bytes: Buffer, message: RegExp): Promise<void> =>
  withTar(bytes, (path) =>
    assert.rejects(indexTar(path), (error) => {
      assert.ok(error instanceof VerydeepError, String(error));
      assert.match(error.message.replaceAll(path, 'a.tar'), message);
      return true;
    }),
  );

describe('indexTar', () => {
  it('finds files of every size, long names and names beyond ASCII', async () => {
    const long = `${'folder/'.repeat(40)}ein Bild ä ⛵.jpg`;
    const entries: Entry[] = [
      [{ name: 'top/', type: 'directory' }],
      [{ name: 'top/empty' }, ''],
      [{ name: 'top/one' }, '1'],
      [{ name: 'top/block' }, 'b'.repeat(512)],
      [{ name: 'top/more' }, 'm'.repeat(200_001)],
      [{ name: `${'p'.repeat(90)}/${'n'.repeat(60)}` }, 'prefix'],
      [{ name: long }, 'long'],
      [{ name: './top/dot' }, 'dot'],
      [{ name: 'top/one' }, 'again'],
    ];
    await withTar(await tarOf(entries), async (path) => {
      assert.deepEqual(await contents(path), {
        'top/empty': '',
        'top/block': 'b'.repeat(512),
        'top/more': 'm'.repeat(200_001),
        [`${'p'.repeat(90)}/${'n'.repeat(60)}`]: 'prefix',
        [long]: 'long',
        'top/dot': 'dot',
        'top/one': 'again',
      });
    });
  });

  it('reads every format that GNU tar writes', async function () {
    try {
      execFileSync('tar', ['--version'], { stdio: 'pipe' });
    } catch {
      this.skip();
    }
    await withFolder(async (folder) => {
      const names = ['short.txt', `${'deep/'.repeat(12)}file.txt`, `${'d'.repeat(99)}/${'f'.repeat(90)}.txt`];
      for (const name of names) {
        await mkdir(dirname(join(folder, 'data', name)), { recursive: true });
        await writeFile(join(folder, 'data', name), `content of ${name}`);
      }
      for (const format of ['gnu', 'oldgnu', 'pax', 'ustar', 'v7']) {
        const own = format === 'v7' ? names.slice(0, 2) : names;
        const path = join(folder, `${format}.tar`);
        execFileSync('tar', ['-C', join(folder, 'data'), `--format=${format}`, '-cf', path, ...own]);
        assert.deepEqual(
          await contents(path),
          Object.fromEntries(own.map((name) => [name, `content of ${name}`])),
          format,
        );
      }
    });
  });

  it('reads sizes in base 256 and finds what lies behind 9 GiB, without reading them', () =>
    withFolder(async (folder) => {
      const size = 9 * 2 ** 30;
      const [first, second] = [await tarOf([[{ name: 'big' }]]), await tarOf([[{ name: 'after' }, 'end']])];
      const header = Buffer.from(first.subarray(0, 512));
      header.fill(0, 124, 136);
      header[124] = 0x80;
      header.writeUInt32BE(Math.floor(size / 2 ** 32), 128);
      header.writeUInt32BE(size % 2 ** 32, 132);
      const path = join(folder, 'big.tar');
      await writeFile(path, patched(header, 0, 'big'));
      await truncate(path, 512 + size); // a hole: takes no room
      const file = await open(path, 'a');
      await file.writeFile(second);
      await file.close();
      assert.deepEqual((await indexTar(path)).entries, [
        { path: 'big', offset: 512, length: size },
        { path: 'after', offset: 512 + size + 512, length: 3 },
      ]);
    }));

  it('passes over links inside the folder and lists them', async () => {
    const entries: Entry[] = [
      [{ name: 'a/file' }, 'x'],
      [{ name: 'a/soft', type: 'symlink', linkname: 'file' }],
      [{ name: 'a/up', type: 'symlink', linkname: '../a/file' }],
      [{ name: 'a/hard', type: 'link', linkname: 'a/file' }],
      [{ name: 'a/pipe', type: 'fifo' }],
      [{ name: 'a/tty', type: 'character-device' }],
    ];
    await withTar(await tarOf(entries), async (path) => {
      const { entries: files, skipped } = await indexTar(path);
      assert.deepEqual(
        files.map((file) => file.path),
        ['a/file'],
      );
      assert.deepEqual(skipped, [
        { path: 'a/soft', reason: 'a symbolic link' },
        { path: 'a/up', reason: 'a symbolic link' },
        { path: 'a/hard', reason: 'a hard link' },
        { path: 'a/pipe', reason: 'a pipe' },
        { path: 'a/tty', reason: 'a device' },
      ]);
    });
  });

  const harmful: readonly [string, Entry, RegExp][] = [
    [
      '..',
      [{ name: 'a/../../etc/passwd' }, 'x'],
      /^Refused the archive a\.tar: its entry "a\/\.\.\/\.\.\/etc\/passwd" lies outside the folder\./,
    ],
    ['an absolute path', [{ name: '/etc/passwd' }, 'x'], /its entry "\/etc\/passwd" lies outside the folder/],
    ['a path of Windows', [{ name: 'C:\\x' }, 'x'], /its entry "C:\\\\x" lies outside the folder/],
    [
      'backslashes',
      [{ name: 'a\\..\\..\\x' }, 'x'],
      /its entry "a\\\\\.\.\\\\\.\.\\\\x" lies outside the folder/,
    ],
    [
      'a link out',
      [{ name: 'a/l', type: 'symlink', linkname: '../../x' }],
      /its entry "a\/l" is a link out of the folder, to "\.\.\/\.\.\/x"/,
    ],
    [
      'an absolute link',
      [{ name: 'a/l', type: 'symlink', linkname: '/etc' }],
      /its entry "a\/l" is a link out of the folder, to "\/etc"/,
    ],
    [
      'a hard link out',
      [{ name: 'a/l', type: 'link', linkname: '../x' }],
      /its entry "a\/l" is a link out of the folder, to "\.\.\/x"/,
    ],
  ];
  for (const [what, entry, message] of harmful) {
    it(`refuses by name: ${what}`, async () => {
      await refused(await tarOf([[{ name: 'a/good' }, 'x'], entry]), message);
    });
  }

  it('refuses a size beyond the archive, a size that is none, and a name of gigabytes', async () => {
    const bytes = await tarOf([[{ name: 'a/bomb' }, 'x']]);
    await refused(
      patched(bytes, 124, '77777777777'),
      /^The archive a\.tar ends in the middle of a\/bomb: \d+ bytes are needed, 2048 are there\. The download is not complete, or the declared size is wrong/,
    );
    await refused(
      patched(bytes, 124, '99999999999'),
      /^The entry a\/bomb of the archive a\.tar declares no sensible size/,
    );
    const long = await tarOf([[{ name: 'a/name' }, 'x'.repeat(2 ** 20 + 1)]]);
    await refused(patched(long, 156, 'L'), /declares a name of 1048577 bytes: refused/);
  });

  it('names the place of damage, and an archive that is none or is cut', async () => {
    const bytes = await tarOf([
      [{ name: 'a/1' }, 'x'],
      [{ name: 'a/2' }, 'y'],
    ]);
    const damaged = Buffer.from(bytes);
    damaged[1024 + 3]! ^= 1;
    await refused(
      damaged,
      /^The archive a\.tar is damaged at byte 1024, after a\/1: no header of an entry is there\./,
    );
    await refused(
      Buffer.from('hello, this is no archive'.repeat(40)),
      /^The archive a\.tar is damaged at byte 0, after its beginning/,
    );
    await refused(
      Buffer.alloc(0),
      /^The file a\.tar is no tar archive or ends too early, after its beginning/,
    );
    for (let length = 1; length < bytes.length - 1024; length += 100) {
      await refused(bytes.subarray(0, length), /ends in the middle of|ends too early/);
    }
  });
});
