// Hostile and wrong files: each is refused with its name and the first wrong thing, and nothing in it is run.
import { equal, match, ok, rejects } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UsageError } from '../../../../src/errors.js';
import { importWeights } from '../../../../src/backbone/weights/importers/import.js';
import { recognise } from '../../../../src/backbone/weights/importers/recognise.js';
import { writeSafetensors } from '../../../../src/formats/safetensors.js';
import { withFolder } from '../../../support.js';
import { fixtures, weightFile } from './support.js';
import { sizeFromShape } from '../../../../src/shape.js';

/** Imports bytes under a name; they must be refused with a message that holds the file's name and all words. */
const refused = (name: string, bytes: Uint8Array | string, ...words: string[]): Promise<void> =>
  withFolder(async (folder) => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    await refusedFile(path, ...words);
  });

const refusedFile = (path: string, ...words: string[]): Promise<void> =>
  rejects(importWeights(path, `${path}.out`), (error) => {
    ok(error instanceof UsageError, error instanceof Error ? error.stack : String(error));
    for (const word of [basename(path), ...words])
      ok(error.message.includes(word), `${word} in: ${error.message}`);
    ok(!existsSync(`${path}.out`));
    return true;
  });

/** A pickle in torch's older form whose value is made by `program`. */
const legacy = (...program: (number | string)[]): Buffer => {
  const magic = Buffer.from([
    0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
  ]);
  const version = Buffer.from([0x80, 2, 0x4d, 0xe9, 3, 0x2e]);
  const system = Buffer.from([0x80, 2, 0x7d, 0x2e]);
  const value = Buffer.concat(
    program.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))),
  );
  return Buffer.concat([magic, version, system, Buffer.from([0x80, 2]), value, Buffer.from('.')]);
};

/** Replaces the first place where `from` stands. */
const replaced = (bytes: Buffer, from: Buffer, to: Buffer, last = false): Buffer => {
  const at = last ? bytes.lastIndexOf(from) : bytes.indexOf(from);
  ok(at >= 0, 'the fixture holds what is to be replaced');
  const copy = Buffer.from(bytes);
  to.copy(copy, at);
  return copy;
};

describe('hostile weight files', () => {
  it('recognises every fixture by its content', async () => {
    const kinds: Readonly<Record<string, string>> = {
      caffe: 'caffe',
      keras: 'hdf5',
      matconvnet: 'mat',
      onnx: 'onnx',
      tfjs: 'tfjs',
      timm: 'safetensors',
      torchvision: 'safetensors',
    };
    for (const { file } of fixtures) {
      const byName = kinds[file.split(/[-.]/)[0]!] ?? (file.includes('legacy') ? 'torch-legacy' : 'torch');
      const wanted = file.endsWith('.keras') ? 'keras' : byName;
      equal(await recognise(weightFile(file)), wanted, file);
    }
  });

  it('names other kinds of files', async () => {
    await refused('a', '', 'an empty file');
    await refused('a.pth', '<!DOCTYPE html><title>404', 'a web page');
    await refused('a.onnx', 'version https://git-lfs.github.com/spec/v1\noid sha256:00', 'git lfs pull');
    await refused('a.h5', Buffer.from([0x1f, 0x8b, 8, 0]), 'gzip');
    await refused('a.pth', Buffer.from([0x80, 4, 0x7d, 0x2e]), 'a Python pickle that is no torch checkpoint');
    await refused('a.caffemodel', 'name: "VGG"\nlayer { }', 'first bytes');
    await refused('a.mat', `MATLAB 7.3 MAT-file${' '.repeat(600)}`, '-v7');
    await refused('a.json', '{"a": 1}', 'weightsManifest');
    await withFolder(async (folder) => {
      await rejects(importWeights(folder, join(folder, 'x')), /it is a folder/);
      await rejects(importWeights(join(folder, 'none'), join(folder, 'x')), /Cannot open the weight file/);
    });
  });

  for (const { file } of fixtures) {
    it(`refuses ${file} cut short anywhere`, async () => {
      if (file.startsWith('tfjs')) return;
      const bytes = await readFile(weightFile(file));
      const cuts = file.startsWith('keras') ? [0.5] : [0.001, 0.02, 0.3, 0.7, 0.999];
      await withFolder(async (folder) => {
        for (const beside of ['onnx-matmul-external.bin', 'onnx-dynamo-vgg16.onnx.data'])
          await writeFile(join(folder, beside), await readFile(weightFile(beside)));
        for (const share of cuts) {
          const path = join(folder, basename(file));
          await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * share)));
          await refusedFile(path);
        }
      });
    });
  }

  it('never calls what a pickle wants called', async () => {
    // c os\nsystem\n ( X "touch …" t R: what pickle.loads would run.
    await refused('a.pth', legacy('cos\nsystem\n(', 0x55, 4, 'true', 'tR'), 'os.system', 'nothing is called');
    await refused('a.pth', legacy('c__builtin__\neval\n(', 0x55, 1, '1', 'tR'), '__builtin__.eval');
    await refused('a.pth', legacy('ctorch\nload\n)R'), 'torch.load');
    await refused('a.pth', legacy('ctorch.hub\nload\n)R'), 'torch.hub.load');
    await refused('a.pth', legacy('(', 0x55, 4, 'true', 'iposix\nsystem\n'), 'posix.system');
    await refused('a.pth', legacy(0x8c, 2, 'os', 0x8c, 6, 'system', 0x93, ')R'), 'os.system');
    await refused('a.pth', legacy(0x4b, 1, 0x4b, 1, 'R'), 'cannot be called');
    await refused('a.pth', legacy(0x82, 1), 'instruction 0x82');
    await refused('a.pth', legacy('(t', 0x51), 'no storage');
    await refused('a.pth', legacy('t'), 'no mark');
  });

  it('refuses a zip whose directory lies', async () => {
    const bytes = await readFile(weightFile('torch-vgg16.pth'));
    const size = Buffer.alloc(4);
    // The central directory's size of the last entry becomes 4 GB and, as zip64 marks it, 0xffffffff.
    const at = bytes.lastIndexOf(Buffer.from('PK\u0001\u0002', 'latin1'));
    for (const value of [0xfffffff0, 0xffffffff]) {
      size.writeUInt32LE(value);
      const copy = Buffer.from(bytes);
      size.copy(copy, at + 20);
      size.copy(copy, at + 24);
      await refused('a.pth', copy);
    }
    const end = bytes.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'));
    // It sends to the zip64 record, and that one lies: entries, or the place of the directory.
    const end64 = bytes.lastIndexOf(Buffer.from('PK\u0006\u0006', 'latin1'));
    ok(end64 > 0, 'torch writes a zip64 record');
    for (const [offset, value] of [
      [32, 1n << 40n],
      [32, (1n << 64n) - 1n],
      [48, 1n << 40n],
      [48, 3n],
    ] as const) {
      const copy = Buffer.from(bytes);
      copy.writeUInt16LE(0xffff, end + 10);
      copy.writeUInt32LE(0xffffffff, end + 16);
      copy.writeBigUInt64LE(value, end64 + offset);
      await refused('a.pth', copy);
    }
    await refused('a.pth', Buffer.from('PK\u0003\u0004 and then nothing', 'latin1'));
  });

  it('refuses shapes that match no VGG, naming the layer', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'x.safetensors');
      const tensor = (name: string, ...shape: number[]) => ({
        name,
        shape,
        data: new Float32Array(sizeFromShape(shape)),
      });
      await writeSafetensors(path, {}, [tensor('features.0.weight', 4, 3, 7, 7)]);
      await refusedFile(path, 'features.0', 'conv1_1', '[4, 3, 7, 7]');
      const eight = [
        [4, 3],
        [8, 4],
        [16, 8],
        [16, 16],
        [32, 16],
        [32, 32],
        [32, 32],
        [31, 32],
      ];
      await writeSafetensors(
        path,
        {},
        eight.map(([o, i], n) => tensor(`features.${2 * n}.weight`, o!, i!, 3, 3)),
      );
      await refusedFile(path, 'conv5_2', '[32, 32, 3, 3]', '[31, 32, 3, 3]', 'features.14');
      await writeSafetensors(path, {}, [tensor('layer1.weight', 4, 3, 3, 3)]);
      await refusedFile(path, 'features.0.weight', 'layer1.weight');
      await writeSafetensors(path, {}, [
        tensor('features.0.weight', 4, 3, 3, 3),
        tensor('features.3.weight', 4, 4, 3, 3),
      ]);
      await refusedFile(path, 'features.3', 'under the number 2');
    });
  });

  it('refuses HDF5 without the layers, and a damaged one, from a worker that is thrown away', async () => {
    const bytes = await readFile(weightFile('keras-vgg16.h5'));
    await refused(
      'a.h5',
      replaced(bytes, Buffer.from('layer_names'), Buffer.from('layer_nomes')),
      'layers of a Keras model',
    );
    await refused('a.h5', bytes.subarray(0, 8), 'a.h5');
    await refused('a.h5', Buffer.concat([bytes.subarray(0, 8), Buffer.alloc(2000, 0xff)]), 'HDF5 file');
  }).timeout(60_000);

  for (const [name, other] of [
    ['external-storage', 'numbers.bin'],
    ['external-link', 'target.h5'],
    ['virtual', 'target.h5'],
  ] as const) {
    it(`opens no other file for an HDF5 file with ${name}`, () =>
      withFolder(async (folder) => {
        // h5py follows all three: the files they point to are there.
        ok(existsSync(weightFile(`hostile/${other}`)));
        await rejects(importWeights(weightFile(`hostile/${name}.h5`), join(folder, 'x')), (error) => {
          ok(error instanceof UsageError);
          ok(error.message.includes(`${name}.h5`), error.message);
          match(error.message, new RegExp(`points to another file, \\S*${other}, which is not opened`));
          return true;
        });
      }));
  }

  it('reads no file outside the folder of a model', () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'model'));
      const json = JSON.parse(await readFile(weightFile('tfjs-vgg11/model.json'), 'utf8')) as {
        weightsManifest: { paths: string[] }[];
      };
      for (const path of ['../secret', '/etc/passwd', 'a/../../secret']) {
        json.weightsManifest[0]!.paths = [path];
        await writeFile(join(folder, 'model', 'model.json'), JSON.stringify(json));
        await refusedFile(join(folder, 'model', 'model.json'), 'in the folder of the model', path);
      }
      json.weightsManifest[0]!.paths = ['group1-shard1of2.bin'];
      await writeFile(join(folder, 'model', 'model.json'), JSON.stringify(json));
      await rejects(
        importWeights(join(folder, 'model', 'model.json'), join(folder, 'x')),
        /Cannot open the weight file .*group1/,
      );
      const shard = await readFile(weightFile('tfjs-vgg11/group1-shard1of2.bin'));
      await writeFile(join(folder, 'model', 'group1-shard1of2.bin'), shard);
      await refusedFile(join(folder, 'model', 'model.json'), 'A shard is missing or cut short');
      const onnx = await readFile(weightFile('onnx-matmul-external.onnx'));
      const evil = replaced(
        onnx,
        Buffer.from('onnx-matmul-external.bin'),
        Buffer.from('../../../../../etc/passw'),
      );
      await writeFile(join(folder, 'model', 'a.onnx'), evil);
      await refusedFile(join(folder, 'model', 'a.onnx'));
    }));
});
