// The walk through folders: links, loops, pipes, sockets, folders that may not be read, what systems leave behind.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { walkFolder } from '../../src/datasets/walk.js';
import { OUTPUT_MARKER } from '../../src/io/output-folder.js';
import { root as project, withFolder } from '../support.js';

const make = async (root: string, ...paths: readonly string[]): Promise<void> => {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), 'x');
  }
};

const isRoot = process.getuid?.() === 0;

describe('walkFolder', () => {
  it('reads a folder once, under its own name where it has one', () =>
    withFolder(async (root) => {
      await make(root, 'data/b/1.jpg', 'outside/x/2.jpg');
      const data = join(root, 'data');
      await symlink(join(data, 'b'), join(data, 'a'));
      await symlink(join(root, 'outside'), join(data, 'c'));
      await symlink(join(root, 'outside'), join(data, 'd'));
      await symlink(join(data, 'b', '1.jpg'), join(data, 'file.jpg'));
      const walk = await walkFolder(data);
      assert.deepEqual(walk.files, ['b/1.jpg', 'c/x/2.jpg', 'file.jpg']);
      assert.deepEqual(walk.passed, [
        { path: 'a', reason: 'a link to a folder that is read already, b' },
        { path: 'd', reason: 'a link to a folder that is read already, c' },
      ]);
    }));

  it('names loops of links, up, down, across and to themselves, and goes on', () =>
    withFolder(async (root) => {
      const data = join(root, 'data');
      await make(data, 'a/1.jpg', 'b/2.jpg');
      await symlink('..', join(data, 'a', 'up'));
      await symlink('../..', join(data, 'a', 'above'));
      await symlink('/', join(data, 'a', 'top'));
      await symlink('.', join(data, 'a', 'self'));
      await symlink(join(data, 'b'), join(data, 'a', 'across'));
      await symlink(join(data, 'a'), join(data, 'b', 'across'));
      await symlink('ring', join(data, 'b', 'ring'));
      await symlink('nowhere', join(data, 'b', 'lost.jpg'));
      const walk = await walkFolder(data);
      assert.deepEqual(walk.files, ['a/1.jpg', 'b/2.jpg']);
      assert.deepEqual(
        walk.passed.map(({ path, reason }) => `${path}: ${reason}`),
        [
          'a/above: a link to a folder that contains it',
          'a/across: a link to a folder that is read already, b',
          'a/self: a link to a folder that contains it',
          'a/top: a link to a folder that contains it',
          'a/up: a link to a folder that contains it',
          'b/across: a link to a folder that is read already, a',
          'b/lost.jpg: a link that leads nowhere',
          'b/ring: a link that leads to itself',
        ],
      );
    }));

  it('names pipes and sockets and does not open them', () =>
    withFolder(async (root) => {
      await make(root, 'a/1.jpg');
      execFileSync('mkfifo', [join(root, 'a', 'pipe.jpg')]);
      const server = createServer().listen(join(root, 'a', 'socket.jpg'));
      await new Promise((resolve) => server.once('listening', resolve));
      const walk = await walkFolder(root);
      server.close();
      assert.deepEqual(walk.files, ['a/1.jpg']);
      assert.deepEqual(
        walk.passed.map(({ path, reason }) => `${path}: ${reason}`),
        ['a/pipe.jpg: a named pipe, not a file', 'a/socket.jpg: a socket, not a file'],
      );
    }));

  it('passes over what systems leave behind, in any folder', () =>
    withFolder(async (root) => {
      const left = [
        '@eaDir',
        'lost+found',
        '.ipynb_checkpoints',
        '__MACOSX',
        '#recycle',
        '$RECYCLE.BIN',
        '@tmp',
      ];
      await make(
        root,
        'a/1.jpg',
        'recycled/2.jpg',
        ...left.flatMap((name) => [`${name}/x.jpg`, `a/${name}/x.jpg`]),
        ...['Thumbs.db', '.DS_Store', '._1.jpg', 'desktop.ini', 'Icon\r'].map((name) => `a/${name}`),
      );
      const walk = await walkFolder(root);
      assert.deepEqual(walk.files, ['a/1.jpg', 'recycled/2.jpg']);
      assert.deepEqual(walk.passed, []);
    }));

  it('passes over folders of results, marked or known by what they hold', () =>
    withFolder(async (root) => {
      await make(
        root,
        'a/1.jpg',
        `run/${OUTPUT_MARKER}`,
        'run/thumbnails/x.jpg',
        'store/c943f18bf75a9b86-000000.arrow',
        'net/backbone.safetensors',
        'net/x.jpg',
        'evaluation/results.json',
        'evaluation/report.html',
      );
      const walk = await walkFolder(root);
      assert.deepEqual(walk.files, ['a/1.jpg']);
      assert.deepEqual(
        walk.passed.map(({ path }) => path),
        ['evaluation', 'net', 'run', 'store'],
      );
      assert.deepEqual(
        (await walkFolder(join(root, 'net'))).files,
        ['backbone.safetensors', 'x.jpg'],
        'as the root',
      );
    }));

  it('names what has no name in UTF-8', () =>
    withFolder(async (root) => {
      await make(root, 'a/1.jpg', 'a/\uFFFD.jpg');
      await writeFile(
        Buffer.concat([Buffer.from(join(root, 'a', 'caf')), Buffer.from([0xe9]), Buffer.from('.jpg')]),
        'x',
      );
      const walk = await walkFolder(root);
      assert.deepEqual(walk.files, ['a/1.jpg', 'a/\uFFFD.jpg']);
      assert.deepEqual(walk.passed, [
        { path: 'a/caf\uFFFD.jpg', reason: 'its name is not UTF-8: rename it' },
      ]);
    }));

  it('names a folder that may not be read, and goes on', () =>
    withFolder(async (root) => {
      await make(root, 'a/1.jpg', 'b/2.jpg');
      await chmod(root, 0o755);
      await chmod(join(root, 'b'), 0o000);
      const script = `import { walkFolder } from ${JSON.stringify(join(project, 'dist/src/datasets/walk.js'))};
        console.log(JSON.stringify(await walkFolder(${JSON.stringify(root)})));`;
      // The superuser may read everything: the walk is another user's.
      const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        ...(isRoot && { uid: 65_534, gid: 65_534 }),
      });
      await chmod(join(root, 'b'), 0o755);
      const walk = JSON.parse(stdout || 'null') as Awaited<ReturnType<typeof walkFolder>>;
      assert.ok(walk, stderr);
      assert.deepEqual(walk.files, ['a/1.jpg']);
      assert.deepEqual(walk.passed, [
        { path: 'b', reason: 'a folder that may not be read: permission denied' },
      ]);
    }));

  it('goes through a deep tree', () =>
    withFolder(async (root) => {
      const deep = Array.from({ length: 200 }, () => 'd').join('/');
      await make(root, `${deep}/1.jpg`);
      assert.deepEqual((await walkFolder(root)).files, [`${deep}/1.jpg`]);
    }));
});
