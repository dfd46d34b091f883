// Digests of images: the coding against plain sets, its size and its false positives; backbone files that keep them.
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { architecture, weightShapes } from '../../../src/backbone/nets/architecture.js';
import { type BackboneMetadata, openBackbone, saveBackbone } from '../../../src/backbone/nets/backbone.js';
import {
  decodeDigests,
  digestOf,
  digestSet,
  encodeDigests,
  falsePositives,
  hasDigest,
  uniteDigests,
} from '../../../src/backbone/nets/digests.js';
import { nothingSeen, uniteSeen } from '../../../src/backbone/nets/seen.js';
import { importWeights } from '../../../src/backbone/weights/importers/import.js';
import { openSafetensors, writeSafetensors } from '../../../src/formats/safetensors.js';
import { withFolder } from '../../support.js';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const digests = (count: number, of = 'image'): number[] =>
  Array.from({ length: count }, (_, i) => digestOf(hash(`${of} ${i}`)));

describe('digests of images', () => {
  it('are the first 36 bits of the SHA-256', () => {
    // printf abc | sha256sum begins ba7816bf 8f01cfea.
    equal(digestOf(hash('abc')), 0xba7816bf8);
  });

  it('come back from their coding, whatever their number and place', () => {
    const edges = [0, 1, 2 ** 35, 2 ** 36 - 2, 2 ** 36 - 1];
    for (const values of [[], [0], [2 ** 36 - 1], edges, digests(1), digests(3), digests(1000)]) {
      const set = digestSet([...values, ...values].reverse());
      deepEqual(
        [...set],
        [...new Set(values)].sort((a, b) => a - b),
      );
      deepEqual(decodeDigests(encodeDigests(set), set.length, 'x'), set);
    }
  });

  it('take two to three bytes an image', () => {
    const few = digestSet(digests(5000));
    ok(encodeDigests(few).length < 5000 * 3.3, `${encodeDigests(few).length}`);
    // A million and more numbers without hashing: gaps of the mean size and some more.
    const many = Float64Array.from({ length: 1_281_167 }, (_, i) => Math.floor((i * 2 ** 36) / 1_281_167));
    ok(encodeDigests(many).length < 1_281_167 * 2.3, `${encodeDigests(many).length}`);
    ok(falsePositives(many) < 2e-5);
  });

  it('know their images and take next to no other for one', () => {
    const set = digestSet(digests(20_000));
    ok(digests(20_000).every((digest) => hasDigest(set, digest)));
    const false_ = digests(20_000, 'other').filter((digest) => hasDigest(set, digest)).length;
    ok(false_ / 20_000 < 0.001, `${false_}`);
    equal(hasDigest(digestSet([]), 1), false);
  });

  it('are refused where bytes are missing', () => {
    const set = digestSet(digests(50));
    throws(
      () => decodeDigests(encodeDigests(set).subarray(0, 90), 50, 'a.safetensors'),
      /a\.safetensors are damaged/,
    );
  });

  it('of several nets are united; a net that says nothing makes the union incomplete', () => {
    const [a, b] = [digestSet(digests(10)), digestSet(digests(10, 'other'))];
    deepEqual(uniteDigests(a, b, a), digestSet([...a, ...b]));
    const one = { training: a, validation: b, incomplete: false };
    deepEqual(uniteSeen([one, nothingSeen]), one);
    equal(uniteSeen([one, undefined]).incomplete, true);
    deepEqual(uniteSeen([one, undefined]).training, a);
  });
});

describe('a backbone file and the images it has seen', () => {
  const net = architecture({ config: 'A', width: 1 / 16, inputSize: 32, fullyConnected: 8, outputs: 3 });
  const metadata: BackboneMetadata = {
    format: 1,
    architecture: net,
    input: { order: 'rgb', scale: 1, mean: [1, 2, 3], std: [1, 1, 1] },
    classes: [],
  };
  const zeros = (_name: string, shape: readonly number[]) =>
    new Float32Array(shape.reduce((a, b) => a * b, 1));
  const seen = {
    training: digestSet(digests(300)),
    validation: digestSet(digests(20, 'val')),
    incomplete: false,
  };

  it('keeps them beside the weights, and keeps them when it is imported', () =>
    withFolder(async (folder) => {
      const [path, again] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
      await saveBackbone(path, metadata, zeros, seen);
      const backbone = await openBackbone(path);
      deepEqual(await backbone.seen(), seen);
      deepEqual([...backbone.tensors.keys()], [...weightShapes(net).keys()], 'no tensor but weights');
      deepEqual(backbone.metadata.seen, { bits: 36, training: 300, validation: 20 });
      await importWeights(path, again);
      deepEqual(await (await openBackbone(again)).seen(), seen);
    }));

  it('says that nothing is known where it has none, and that nothing was seen where that is so', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'a.safetensors');
      await saveBackbone(path, metadata, zeros);
      equal(await (await openBackbone(path)).seen(), undefined);
      await saveBackbone(path, metadata, zeros, nothingSeen);
      deepEqual(await (await openBackbone(path)).seen(), nothingSeen);
    }));

  it('is refused where they are gone', () =>
    withFolder(async (folder) => {
      const [path, cut] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
      await saveBackbone(path, metadata, zeros, seen);
      const file = await openSafetensors(path);
      const entries = [...weightShapes(net)].map(([name, shape]) => ({
        name,
        shape,
        data: zeros(name, shape),
      }));
      await writeSafetensors(cut, file.metadata, entries);
      await file.close();
      const backbone = await openBackbone(cut);
      await rejects(backbone.seen(), /digests of 300 images in .*b\.safetensors are damaged/);
      ok((await readFile(cut)).length > 0);
    }));
});
