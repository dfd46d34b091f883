// Archives of a data set from a local server: resumed, verified, from a mirror, and what a person has to fetch.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import type { PublishedArchive } from '../../src/datasets/archives/published.js';
import { archivesOf, fetchArchives } from '../../src/datasets/fetch.js';
import { readCaltech } from '../../src/datasets/caltech.js';
import { UsageError, VerydeepError } from '../../src/errors.js';
import { withFolder } from '../support.js';
import { archived } from './made.js';

const quick = { pauseSeconds: 0.01, stallSeconds: 2 };
type Answer = (request: IncomingMessage, response: ServerResponse, file: Buffer, turn: number) => void;

/** A server of the files in `folder`; `answer` may spoil what it sends. */
const withServer = async (
  folder: string,
  answer: Answer,
  use: (url: string) => Promise<void>,
): Promise<void> => {
  let turn = 0;
  const server = createServer((request, response) => {
    readFile(join(folder, basename(request.url!))).then(
      (file) => {
        answer(request, response, file, ++turn);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
};

const startOf = ({ headers }: IncomingMessage): number =>
  Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);

/** Sends what is asked for, at most `most` bytes of it before it hangs up. */
const send = (request: IncomingMessage, response: ServerResponse, file: Buffer, most = Infinity): void => {
  const start = startOf(request);
  response.writeHead(start > 0 ? 206 : 200, {
    etag: '"1"',
    'content-length': file.length - start,
    ...(start > 0 && { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }),
  });
  if (file.length - start <= most) response.end(file.subarray(start));
  else response.write(file.subarray(start, start + most), () => response.socket?.end());
};

const hash = (algorithm: string, data: Buffer): string => createHash(algorithm).update(data).digest('hex');

/** The made-up archive of Caltech-256, as a publisher would describe it. */
const described = async (folder: string, url: string): Promise<PublishedArchive> => {
  const bytes = await readFile(join(folder, '256_ObjectCategories.tar'));
  return {
    file: '256_ObjectCategories.tar',
    urls: [`${url}/256_ObjectCategories.tar`],
    bytes: bytes.length,
    checksum: { md5: hash('md5', bytes), sha256: hash('sha256', bytes) },
  };
};

describe('fetchArchives', () => {
  it('goes on after a cut, verifies, and the data set can be read from what it brought', async () => {
    const from = await archived('caltech256');
    const ranges: number[] = [];
    const cut: Answer = (request, response, file, turn) => {
      ranges.push(startOf(request));
      send(request, response, file, turn === 1 ? 20_000 : Infinity);
    };
    await withServer(from, cut, (url) =>
      withFolder(async (to) => {
        const archive = await described(from, url);
        const events: number[] = [];
        const onProgress = ({ done }: { done: number }): void => void events.push(done);
        const [first] = await fetchArchives([archive], to, { ...quick, onProgress });
        const path = join(to, archive.file);
        assert.deepEqual(first, { file: archive.file, path, state: 'fetched' });
        assert.deepEqual(ranges, [0, 20_000]);
        assert.ok(events.includes(archive.bytes!));
        assert.deepEqual(await readFile(path), await readFile(join(from, archive.file)));
        assert.equal((await readCaltech('caltech256', to)).splits['all']!.length, 24);
        const [second] = await fetchArchives([archive], to, quick);
        assert.deepEqual(second, { file: archive.file, path, state: 'there' });
        assert.equal(ranges.length, 2);
      }),
    );
  });

  it('prefers the mirror, and goes to the publisher where the mirror has nothing', async () => {
    const from = await archived('caltech256');
    const asked: string[] = [];
    const note: Answer = (request, response, file) => {
      asked.push(request.url!);
      send(request, response, file);
    };
    await withServer(from, note, (url) =>
      withFolder(async (to) => {
        const archive = { ...(await described(from, url)), urls: ['http://127.0.0.1:1/x'] };
        await fetchArchives([archive], to, { ...quick, mirror: `${url}/mirror` });
        assert.deepEqual(asked, ['/mirror/256_ObjectCategories.tar']);
      }),
    );
    await withServer(await archived('voc2007'), note, (empty) =>
      withServer(from, note, (url) =>
        withFolder(async (to) => {
          const [result] = await fetchArchives([await described(from, url)], to, { ...quick, mirror: empty });
          assert.equal(result!.state, 'fetched');
        }),
      ),
    );
  });

  it('refuses corrupt bytes and a wrong length, naming file and place; keeps nothing under the name', async () => {
    const from = await archived('caltech256');
    const corrupt: Answer = (request, response, file) => {
      const copy = Buffer.from(file);
      copy[5000]! ^= 1;
      send(request, response, copy);
    };
    const short: Answer = (request, response, file) => {
      send(request, response, file.subarray(0, 10_000));
    };
    for (const [answer, message] of [
      [
        corrupt,
        /^Cannot download 256_ObjectCategories\.tar\. http:\/\/127\.0\.0\.1:\d+\/256_ObjectCategories\.tar: .*(md5|MD5|SHA|sha)/,
      ],
      [short, /the server offers 10000 bytes, the published file has \d+/],
    ] as const) {
      await withServer(from, answer, (url) =>
        withFolder(async (to) => {
          await assert.rejects(
            fetchArchives([await described(from, url)], to, { ...quick, attempts: 1 }),
            (error) => {
              assert.ok(error instanceof VerydeepError);
              assert.match(error.message, message);
              return true;
            },
          );
          assert.ok(!(await readdir(to)).includes('256_ObjectCategories.tar'));
        }),
      );
    }
  });

  it('keeps a file of other content under the name of an archive, unless forced', async () => {
    const folder = await archived('caltech256');
    const answer: Answer = (request, response, file) => {
      send(request, response, file);
    };
    await withServer(folder, answer, (url) =>
      withFolder(async (data) => {
        const archive = await described(folder, url);
        const path = join(data, archive.file);
        await writeFile(path, 'mine');
        await assert.rejects(
          fetchArchives([archive], data, quick),
          /is there already, but its content .*force/,
        );
        assert.equal(await readFile(path, 'utf8'), 'mine');
        const [fetched] = await fetchArchives([archive], data, { ...quick, force: true });
        assert.equal(fetched!.state, 'fetched');
        assert.deepEqual(await readFile(path), await readFile(join(folder, archive.file)));
      }),
    );
  });

  it('verifies the archive inside a .zip', async () => {
    const from = await archived('caltech101');
    const honest: Answer = (request, response, file) => {
      send(request, response, file);
    };
    await withServer(from, honest, (url) =>
      withFolder(async (to) => {
        const file = 'caltech-101.zip';
        const inner = { file: '101_ObjectCategories.tar.gz', checksum: { md5: '0'.repeat(32) } };
        await assert.rejects(
          fetchArchives([{ file, urls: [`${url}/${file}`], inner }], to, quick),
          /The md5 of 101_ObjectCategories\.tar\.gz in .*caltech-101\.zip is [0-9a-f]{32}, expected 0{32}\. Remove the file/,
        );
        const md5 = hash('md5', await readFile(join(from, inner.file)));
        const right = { file, urls: [`${url}/${file}`], inner: { file: inner.file, checksum: { md5 } } };
        assert.equal((await fetchArchives([right], to, quick))[0]!.state, 'there');
      }),
    );
  });

  it('does not fetch what needs a login, but verifies what a person put there', () =>
    withFolder(async (to) => {
      const sha256 = hash('sha256', Buffer.from('content'));
      const archive = { file: 'a.tar', urls: [], page: 'https://example.org/login', checksum: { sha256 } };
      const path = join(to, 'a.tar');
      assert.deepEqual(await fetchArchives([archive], to), [
        { file: 'a.tar', path, state: 'login', page: 'https://example.org/login' },
      ]);
      assert.deepEqual(await readdir(to), []);
      await writeFile(path, 'content');
      assert.equal((await fetchArchives([archive], to))[0]!.state, 'there');
      await writeFile(path, 'contents');
      await assert.rejects(fetchArchives([archive], to), {
        message: `The sha256 of ${path} is ${hash('sha256', Buffer.from('contents'))}, expected ${sha256}. Get the file again from https://example.org/login.`,
      });
    }));

  it('knows no archives of a data set that has none', () => {
    assert.throws(() => archivesOf('folder'), UsageError);
    assert.equal(archivesOf('voc2007').length, 2);
  });
});
