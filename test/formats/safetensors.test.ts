// safetensors: what is written comes back; every kind of damaged header is told apart.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../src/errors.js';
import { openSafetensors, writeSafetensors } from '../../src/formats/safetensors.js';
import { withFolder } from '../support.js';

const file = (header: unknown, data: Uint8Array): Buffer => {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
};

const refused = async (bytes: Uint8Array, ...words: string[]): Promise<void> =>
  withFolder(async (folder) => {
    const path = join(folder, 'bad.safetensors');
    await writeFile(path, bytes);
    await rejects(openSafetensors(path), (error) => {
      ok(error instanceof UsageError, String(error));
      for (const word of [path, ...words]) ok(error.message.includes(word), error.message);
      return true;
    });
  });

const two = {
  a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  b: { dtype: 'F32', shape: [1, 2], data_offsets: [8, 16] },
};

describe('safetensors', () => {
  it('gives back names, shapes, metadata and numbers, aligned and in order', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      await writeSafetensors(path, { hello: 'world' }, [
        { name: 'z', shape: [2, 3], data: Float32Array.of(1, -2, 3, 4, 5, 6) },
        { name: 'empty', shape: [0, 3], data: new Float32Array(0) },
        { name: 'doubles', shape: [1], data: Float64Array.of(0.1) },
        { name: 'lazy', shape: [3], data: () => [Float32Array.of(7), Float32Array.of(8, 9)] },
        { name: 'counts', shape: [2], data: BigInt64Array.of(1n, 2n) },
      ]);
      const opened = await openSafetensors(path);
      try {
        deepEqual(opened.metadata, { hello: 'world' });
        deepEqual([...opened.tensors.keys()], ['z', 'empty', 'doubles', 'lazy', 'counts']);
        deepEqual(opened.tensors.get('z')?.shape, [2, 3]);
        equal((opened.tensors.get('z')?.offset ?? 1) % 64, 0);
        deepEqual(await opened.read('z'), Float32Array.of(1, -2, 3, 4, 5, 6));
        deepEqual(await opened.read('empty'), new Float32Array(0));
        deepEqual(await opened.read('doubles'), Float32Array.of(0.1));
        deepEqual(await opened.readDoubles('doubles'), Float64Array.of(0.1));
        await rejects(opened.readDoubles('z'), /type F64.*tensor z/);
        deepEqual(await opened.read('lazy'), Float32Array.of(7, 8, 9));
        const pieces = [];
        for await (const piece of opened.chunks('z', 4)) pieces.push([...piece]);
        deepEqual(pieces, [
          [1, -2, 3, 4],
          [5, 6],
        ]);
        await rejects(opened.read('counts'), /F32, F64, F16, BF16.*tensor counts.*"I64"/);
        await rejects(opened.read('nothing'), /one of the tensors z, empty.*"nothing"/);
      } finally {
        await opened.close();
      }
    }));

  it('reads half and bfloat16 as float32', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      const data = new Uint8Array(Uint16Array.of(0x3c00, 0xc100, 0x0001, 0x7c00, 0x3f80, 0xc020).buffer);
      await writeFile(
        path,
        file(
          {
            half: { dtype: 'F16', shape: [4], data_offsets: [0, 8] },
            brain: { dtype: 'BF16', shape: [2], data_offsets: [8, 12] },
          },
          data,
        ),
      );
      const opened = await openSafetensors(path);
      try {
        deepEqual(await opened.read('half'), Float32Array.of(1, -2.5, 2 ** -24, Infinity));
        deepEqual(await opened.read('brain'), Float32Array.of(1, -2.5));
      } finally {
        await opened.close();
      }
    }));

  it('writes the same bytes twice, and nothing when it fails', () =>
    withFolder(async (folder) => {
      const entry = { name: 'a', shape: [2], data: Float32Array.of(1, 2) };
      for (const name of ['1', '2']) await writeSafetensors(join(folder, name), { k: 'v' }, [entry]);
      deepEqual(await readFile(join(folder, '1')), await readFile(join(folder, '2')));
      await rejects(
        writeSafetensors(join(folder, '3'), {}, [{ ...entry, shape: [3] }]),
        /3 numbers.*tensor a.*received 2/,
      );
      await rejects(writeSafetensors(join(folder, '3'), {}, [entry, entry]), /different names.*"a"/);
      await rejects(
        writeSafetensors(join(folder, '1'), {}, [
          { ...entry, data: () => Promise.reject(new Error('boom')) },
        ]),
        /1: boom/,
      );
      deepEqual((await readdir(folder)).sort(), ['1', '2']);
      equal((await stat(join(folder, '1'))).size % 64, 8);
    }));

  it('refuses a file that is cut short', async () => {
    const whole = file(two, new Uint8Array(16));
    await refused(whole.subarray(0, whole.length - 4), 'tensor b', 'within the 12 bytes', 'cut short');
    await refused(whole.subarray(0, 40), 'cut short');
    await refused(whole.subarray(0, 5), 'safetensors', 'cut short');
    await refused(new Uint8Array(0), 'safetensors');
  });

  it('refuses other kinds of files', async () => {
    await refused(Buffer.from('PK\x03\x04 this is a zip'), 'safetensors', '504b0304');
    await refused(file('{ not json', new Uint8Array(0)), 'JSON');
    await refused(file('{"a":1', new Uint8Array(0)), 'JSON');
    await refused(file('{"a":1}', new Uint8Array(0)), 'tensor a');
    await refused(file({ __metadata__: { k: 1 } }, new Uint8Array(0)), '__metadata__');
  });

  it('refuses offsets that overlap, leave holes or bytes over, or end outside the file', async () => {
    const at = (a: number[], b: number[]) => ({
      a: { ...two.a, data_offsets: a },
      b: { ...two.b, data_offsets: b },
    });
    await refused(file(at([0, 8], [4, 12]), new Uint8Array(16)), 'tensor b overlaps a');
    await refused(file(at([0, 8], [12, 20]), new Uint8Array(20)), 'tensor b leaves unused bytes after a');
    await refused(file(two, new Uint8Array(17)), 'file of');
    await refused(file(at([0, 8], [16, 24]), new Uint8Array(16)), 'tensor b', 'within the 16 bytes');
    await refused(file(at([8, 0], [8, 16]), new Uint8Array(16)), 'tensor a', 'within');
    await refused(file(at([-8, 0], [8, 16]), new Uint8Array(16)), 'tensor a', '[begin, end]');
    await refused(file(at([0, 1e300], [8, 16]), new Uint8Array(16)), 'tensor a');
  });

  it('refuses types and shapes that do not fit the bytes', async () => {
    await refused(file({ a: { ...two.a, dtype: 'F31' } }, new Uint8Array(8)), 'tensor a', 'F32', '"F31"');
    await refused(
      file({ a: { ...two.a, shape: [3] } }, new Uint8Array(8)),
      'tensor a',
      '12 bytes',
      'received 8',
    );
    await refused(file({ a: { ...two.a, shape: [-2] } }, new Uint8Array(8)), 'tensor a', 'shape');
    await refused(file({ a: { ...two.a, shape: [1e9, 1e9, 1e9] } }, new Uint8Array(8)), 'tensor a');
  });

  it('refuses a file that is not there', () =>
    rejects(
      openSafetensors('/nowhere/x.safetensors'),
      /Cannot open the weight file \/nowhere\/x.safetensors/,
    ));
});
