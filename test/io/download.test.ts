// Downloads against a server that behaves badly in every way a real one does.
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mismatchOf } from '../../src/io/checksum.js';
import { type DownloadOptions, download } from '../../src/io/download.js';
import { VerydeepError } from '../../src/errors.js';
import { Random } from '../../src/random.js';
import { withFolder } from '../support.js';

const random = new Random('download');
const content = Buffer.from(Uint8Array.from({ length: 300_000 }, () => random.below(256)));
const hash = (algorithm: string, data: Buffer = content) => createHash(algorithm).update(data).digest('hex');
const checksum = { sha256: hash('sha256') };
const quick: DownloadOptions = { pauseSeconds: 0.01, stallSeconds: 1 };

type Handler = (request: IncomingMessage, response: ServerResponse, turn: number) => void;

/** Runs `use` with the address of a server; `requests` lists the ranges asked for. */
const withServer = async (
  handler: Handler,
  use: (url: string, requests: (string | undefined)[], server: Server) => Promise<void>,
): Promise<void> => {
  const requests: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    requests.push(request.headers.range);
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`, requests, server);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
};

/** An honest server with ranges; `until` cuts the answer after so many bytes. */
const serve = (request: IncomingMessage, response: ServerResponse, until = Infinity, etag = '"v1"'): void => {
  const ifRange = request.headers['if-range'];
  const asked = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
  const start = Number(/^bytes=(\d+)-$/.exec(asked ?? '')?.[1] ?? 0);
  if (start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  response.writeHead(start > 0 ? 206 : 200, {
    etag,
    'content-length': content.length - start,
    ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
  });
  const end = start + until;
  if (end >= content.length) response.end(content.subarray(start));
  else response.write(content.subarray(start, end), () => response.socket?.end());
};

const honest: Handler = (request, response) => serve(request, response);

describe('download', () => {
  it('brings a file with progress, and does not fetch it twice', () =>
    withServer(honest, (url, requests) =>
      withFolder(async (folder) => {
        const path = join(folder, 'deep', 'file.bin');
        const events: number[] = [];
        const onProgress: DownloadOptions['onProgress'] = ({ task, done, total, unit }) => {
          match(task, /^(download|check) file\.bin$/);
          equal(total, content.length);
          equal(unit, 'bytes');
          if (task.startsWith('download')) events.push(done);
        };
        const remote = { urls: [url], checksum, bytes: content.length };
        const first = await download(remote, path, { ...quick, onProgress });
        deepEqual(first, { path, bytes: content.length, cached: false, resumedFrom: 0 });
        deepEqual(await readFile(path), content);
        equal(events[0], 0);
        equal(events.at(-1), content.length);
        const second = await download(remote, path, quick);
        equal(second.cached, true);
        deepEqual(requests, [undefined]);
        deepEqual(await readdir(join(folder, 'deep')), ['file.bin']);
      }),
    ));

  it('goes on with a range after cuts', () =>
    withServer(
      (request, response, turn) => serve(request, response, turn <= 3 ? 70_000 : Infinity),
      (url, requests) =>
        withFolder(async (folder) => {
          await download({ urls: [url], checksum }, join(folder, 'f'), quick);
          deepEqual(requests, [undefined, 'bytes=70000-', 'bytes=140000-', 'bytes=210000-']);
          deepEqual(await readFile(join(folder, 'f')), content);
        }),
    ));

  it('goes on in a later run, from what an aborted one left', () =>
    withServer(
      (request, response, turn) => serve(request, response, turn === 1 ? 100_000 : Infinity),
      (url, requests) =>
        withFolder(async (folder) => {
          const path = join(folder, 'f');
          await rejects(download({ urls: [url], checksum }, path, { ...quick, attempts: 1 }), VerydeepError);
          deepEqual((await readdir(folder)).sort(), ['f.part', 'f.part.json']);
          const second = await download({ urls: [url], checksum }, path, quick);
          equal(second.resumedFrom, 100_000);
          deepEqual(requests, [undefined, 'bytes=100000-']);
          deepEqual(await readFile(path), content);
          deepEqual(await readdir(folder), ['f']);
        }),
    ));

  it('starts over when the remote file changed in between', () =>
    withServer(
      (request, response, turn) =>
        turn === 1 ? serve(request, response, 100_000, '"old"') : serve(request, response, Infinity, '"new"'),
      (url) =>
        withFolder(async (folder) => {
          await download({ urls: [url] }, join(folder, 'f'), quick);
          deepEqual(await readFile(join(folder, 'f')), content);
        }),
    ));

  it('starts over where the server knows no ranges', () =>
    withServer(
      (_, response, turn) => {
        response.writeHead(200, { 'content-length': content.length });
        if (turn > 1) response.end(content);
        else response.write(content.subarray(0, 1000), () => response.socket?.end());
      },
      (url) =>
        withFolder(async (folder) => {
          await download({ urls: [url], checksum }, join(folder, 'f'), quick);
          deepEqual(await readFile(join(folder, 'f')), content);
        }),
    ));

  it('gives up a server that stops sending, after the stall time, and says so', () =>
    withServer(
      (_, response) => {
        response.writeHead(200, { 'content-length': content.length });
        response.write(content.subarray(0, 1000));
      },
      (url) =>
        withFolder(async (folder) => {
          const began = performance.now();
          await rejects(
            download({ urls: [url] }, join(folder, 'f'), { ...quick, attempts: 1, stallSeconds: 0.5 }),
            /f\. http.*stopped sending/,
          );
          ok(performance.now() - began < 8000);
        }),
    ));

  it('finishes when a server stalls once', () =>
    withServer(
      (request, response, turn) => {
        if (turn > 1) serve(request, response);
        else {
          response.writeHead(200, { 'content-length': content.length, etag: '"v1"' });
          response.write(content.subarray(0, 1000));
        }
      },
      (url, requests) =>
        withFolder(async (folder) => {
          await download({ urls: [url], checksum }, join(folder, 'f'), { ...quick, stallSeconds: 0.5 });
          deepEqual(requests, [undefined, 'bytes=1000-']);
        }),
    ));

  it('refuses a server that lies about the length', async () => {
    for (const [lie, words] of [
      [content.length + 10, /ended after|terminated|closed|offers 300010/],
      [content.length - 10, /offers 299990 bytes, the published file has 300000/],
    ] as const) {
      await withServer(
        (_, response) => {
          response.strictContentLength = false;
          response.writeHead(200, { 'content-length': lie, connection: 'close' });
          response.write(content);
          response.socket?.end();
        },
        (url) =>
          withFolder(async (folder) => {
            const remote = { urls: [url], checksum, bytes: content.length };
            await rejects(download(remote, join(folder, 'f'), { ...quick, attempts: 2 }), words);
            await rejects(
              download({ urls: [url], checksum }, join(folder, 'f'), { ...quick, attempts: 2 }),
              VerydeepError,
            );
            ok(!(await readdir(folder)).includes('f'));
          }),
      );
    }
  });

  it('refuses wrong content, naming both checksums, and keeps nothing of it', () =>
    withServer(
      (_, response) => void response.end(Buffer.from('not the file')),
      (url) =>
        withFolder(async (folder) => {
          await rejects(download({ urls: [url], checksum }, join(folder, 'f'), quick), (error) => {
            ok(error instanceof VerydeepError);
            ok(error.message.includes(checksum.sha256), error.message);
            ok(error.message.includes(hash('sha256', Buffer.from('not the file'))), error.message);
            return true;
          });
          deepEqual(
            (await readdir(folder)).filter((name) => !name.endsWith('.json')),
            [],
          );
        }),
    ));

  it('fetches anew when the part it went on with was damaged', () =>
    withServer(honest, (url, requests) =>
      withFolder(async (folder) => {
        await writeFile(join(folder, 'f.part'), Buffer.alloc(1000));
        await writeFile(join(folder, 'f.part.json'), JSON.stringify({ url, validator: '"v1"' }));
        await download({ urls: [url], checksum }, join(folder, 'f'), quick);
        deepEqual(requests, ['bytes=1000-', undefined]);
        deepEqual(await readFile(join(folder, 'f')), content);
      }),
    ));

  it('replaces a file of that name with the wrong content', () =>
    withServer(honest, (url) =>
      withFolder(async (folder) => {
        await writeFile(join(folder, 'f'), 'cut sho');
        await download({ urls: [url], checksum }, join(folder, 'f'), quick);
        deepEqual(await readFile(join(folder, 'f')), content);
      }),
    ));

  it('takes the next mirror after 404, and lists every failure when all fail', () =>
    withServer(
      (request, response) => {
        if (request.url?.startsWith('/gone')) response.writeHead(404).end();
        else if (request.url?.startsWith('/busy')) response.writeHead(503).end();
        else serve(request, response);
      },
      (url, requests) =>
        withFolder(async (folder) => {
          const [gone, busy] = [url.replace('/file', '/gone'), url.replace('/file', '/busy')];
          await download({ urls: [gone, url], checksum }, join(folder, 'f'), quick);
          equal(requests.length, 2);
          await rejects(
            download({ urls: [gone, busy] }, join(folder, 'g'), { ...quick, attempts: 3 }),
            /gone\.bin: the server answers 404; .*busy\.bin: the server answers 503/,
          );
          equal(requests.length, 2 + 1 + 3);
        }),
    ));

  it('follows redirects', () =>
    withServer(
      (request, response) => {
        if (request.url?.startsWith('/file')) response.writeHead(302, { location: '/elsewhere' }).end();
        else serve(request, response);
      },
      (url) =>
        withFolder(async (folder) => {
          await download({ urls: [url], checksum }, join(folder, 'f'), quick);
          deepEqual(await readFile(join(folder, 'f')), content);
        }),
    ));

  it('names a host that is not there', () =>
    withFolder((folder) =>
      rejects(
        download({ urls: ['http://127.0.0.1:9/x'] }, join(folder, 'f'), { ...quick, attempts: 1 }),
        /127\.0\.0\.1:9\/x: the connection is refused/,
      ),
    ));

  it('goes through the proxy of HTTP_PROXY', () =>
    withServer(honest, (url) =>
      withFolder(async (folder) => {
        let tunnels = 0;
        const proxy = createServer((_, response) => response.writeHead(405).end());
        proxy.on('connect', (request, client) => {
          tunnels++;
          const [host, port] = (request.url ?? '').split(':');
          const server = connect(Number(port), host, () => {
            client.write('HTTP/1.1 200 OK\r\n\r\n');
            server.pipe(client).pipe(server);
          });
          server.on('error', () => client.destroy());
          client.on('error', () => server.destroy());
        });
        await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
        const saved = { ...process.env };
        try {
          process.env['HTTP_PROXY'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
          for (const name of ['http_proxy', 'NO_PROXY', 'no_proxy'])
            Reflect.deleteProperty(process.env, name);
          await download({ urls: [url], checksum }, join(folder, 'f'), quick);
        } finally {
          process.env = saved;
          proxy.closeAllConnections();
          proxy.close();
        }
        equal(tunnels, 1);
        deepEqual(await readFile(join(folder, 'f')), content);
      }),
    ));

  it('lets one of two downloads of a file work and the other wait', () =>
    withServer(
      (request, response) => setTimeout(() => serve(request, response), 300),
      (url, requests) =>
        withFolder(async (folder) => {
          const waits: string[] = [];
          const both = await Promise.all(
            [1, 2].map(() =>
              download({ urls: [url], checksum }, join(folder, 'f'), {
                ...quick,
                onProgress: ({ task }) => {
                  if (task.startsWith('wait')) waits.push(task);
                },
              }),
            ),
          );
          equal(requests.length, 1);
          deepEqual(both.map(({ cached }) => cached).sort(), [false, true]);
          deepEqual(waits, ['wait for f']);
          deepEqual(await readdir(folder), ['f']);
        }),
    ));

  it('takes over the lock of a process that died, and of one that shows no life', () =>
    withServer(honest, (url) =>
      withFolder(async (folder) => {
        const lock = join(folder, 'f.lock');
        const { hostname } = await import('node:os');
        await writeFile(lock, `${hostname()} 999999999 1 0`);
        await download({ urls: [url], checksum }, join(folder, 'f'), quick);
        await writeFile(lock, 'another-host 1 1 0');
        await utimes(lock, 1, 1);
        await download({ urls: [url], checksum }, join(folder, 'f'), quick);
        deepEqual(await readdir(folder), ['f']);
      }),
    ));

  it('stops at once when aborted and keeps the part', () =>
    withServer(
      (_, response) => {
        response.writeHead(200, { 'content-length': content.length });
        response.write(content.subarray(0, 1000));
      },
      (url) =>
        withFolder(async (folder) => {
          const abort = new AbortController();
          const running = download({ urls: [url] }, join(folder, 'f'), {
            ...quick,
            stallSeconds: 30,
            signal: abort.signal,
          });
          const stopped = rejects(running, /stopped by me/);
          while (!(await readdir(folder)).includes('f.part')) await pause(10);
          abort.abort(new Error('stopped by me'));
          await stopped;
          ok((await readdir(folder)).includes('f.part'));
        }),
    ));
});

describe('checksums', () => {
  it('checks each that is given, and the first digits where only those are known', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'f');
      await writeFile(path, content);
      const all = { md5: hash('md5'), sha1: hash('sha1'), sha256: hash('sha256') };
      equal(await mismatchOf(path, {}), undefined);
      equal(await mismatchOf(path, all), undefined);
      equal(await mismatchOf(path, { sha256: all.sha256.slice(0, 8).toUpperCase() }), undefined);
      deepEqual(await mismatchOf(path, { ...all, sha1: '00' }), {
        algorithm: 'sha1',
        expected: '00',
        received: all.sha1,
      });
    }));
});
