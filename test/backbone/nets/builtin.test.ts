// The net that comes with verydeep: what the package holds, and that it opens as any other.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBackbone } from '../../../src/backbone/nets/backbone.js';
import { BUILTIN, backboneFile, builtinOf, shippedFile } from '../../../src/backbone/nets/builtin.js';
import { openNet } from '../../../src/features/net.js';
import { withFolder, withVariables } from '../../support.js';

/** A number of 16 bits as IEEE 754 defines it. */
const half = (bits: number): number => {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return exponent === 0 ? sign * 2 ** -24 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
};

/** The tensors of a safetensors file, read by the format's definition: a length of 8 bytes, a header of JSON, numbers. */
const halvesOf = (file: string): Map<string, number[]> => {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const tensors = Object.entries(header).filter(([, { dtype }]) => dtype === 'F16');
  return new Map(
    tensors.map(
      ([
        name,
        {
          data_offsets: [from, to],
        },
      ]) => [
        name,
        Array.from({ length: (to - from) / 2 }, (_, i) => half(bytes.readUInt16LE(start + from + 2 * i))),
      ],
    ),
  );
};

describe('the net that comes with verydeep', () => {
  it('is at most 12 MB, and says what it was trained on', async () => {
    assert.ok(statSync(shippedFile).size <= 12e6);
    const [backbone] = (await openNet()).backbones;
    const { architecture, classes, seen, training } = backbone!.metadata;
    assert.deepEqual([architecture.config, architecture.inputSize, classes.length], ['A', 48, 200]);
    // Of the 400 training images of each class one in twenty was held out; by content, twelve of the others are there twice.
    assert.equal(seen?.training, 200 * 380 - 12);
    assert.equal(seen.validation, 200 * 20);
    assert.equal(training!['batchNorm'], true);
  });

  it('opens with the very numbers of the package, from a file that is made once', () =>
    withFolder((cache) =>
      withVariables({ VERYDEEP_CACHE: cache }, async () => {
        const file = await backboneFile(BUILTIN);
        assert.ok(file.startsWith(cache));
        const backbone = await openBackbone(file);
        const shipped = halvesOf(shippedFile);
        assert.deepEqual([...shipped.keys()].sort(), [...backbone.tensors.keys()].sort());
        for (const [name, numbers] of shipped)
          assert.deepEqual([...(await backbone.read(name))], numbers, name);
        const { mtimeMs } = statSync(file);
        assert.equal(await backboneFile(BUILTIN), file);
        assert.equal(statSync(file).mtimeMs, mtimeMs);
        assert.deepEqual(await readdir(cache), [file.slice(cache.length + 1)]);
        const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
        assert.equal(await builtinOf(sha256), file);
        assert.equal(
          await builtinOf(sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))),
          undefined,
        );
      }),
    ));

  it('names VERYDEEP_CACHE where it cannot be written out', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      await chmod(file, 0o600);
      await withVariables({ VERYDEEP_CACHE: join(file, 'cache') }, () =>
        assert.rejects(openNet(), /Cannot write to the folder .*file\/cache given for VERYDEEP_CACHE/),
      );
    }));

  it('leaves files of other names as they are given', async () => {
    assert.equal(await backboneFile('vgg16.safetensors'), 'vgg16.safetensors');
  });
});
