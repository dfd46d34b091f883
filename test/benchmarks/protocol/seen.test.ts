// Nets and the images that trained them: counted, refused, or not known.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluate } from '../../../benchmarks/protocol/evaluate.js';
import { openDescriptors } from '../../../benchmarks/protocol/descriptors.js';
import { datasetFor } from '../../../benchmarks/protocol/evaluate.js';
import { folder as benchmark } from '../../../benchmarks/folder.js';
import {
  type SeenByNets,
  refuseSeen,
  refuseSeenEarly,
  seenByNets,
  seenResult,
  seenTest,
  seenText,
} from '../../../benchmarks/protocol/seen.js';
import { architecture } from '../../../src/backbone/nets/architecture.js';
import { saveBackbone } from '../../../src/backbone/nets/backbone.js';
import { digestOf, digestSet } from '../../../src/backbone/nets/digests.js';
import { type Seen, nothingSeen } from '../../../src/backbone/nets/seen.js';
import type { Item } from '../../../src/datasets/dataset.js';
import { UsageError } from '../../../src/errors.js';
import { sha256, sha256OfFile } from '../../../src/io/files.js';
import { withFolder } from '../../support.js';
import { clusters, makeStore } from '../stores.js';

const digests = (...texts: string[]) => digestSet(texts.map((text) => digestOf(sha256(text))));
const seenOf = (training: string[], validation: string[] = []): Seen => ({
  training: digests(...training),
  validation: digests(...validation),
  incomplete: false,
});
const item = (id: string): Item => ({ id, path: id, source: { file: id }, labels: ['a'] });

const net = architecture({ config: 'A', width: 1 / 16, inputSize: 32, fullyConnected: 8, outputs: 2 });
const save = async (path: string, seen?: Seen): Promise<string> => {
  await saveBackbone(
    path,
    {
      format: 1,
      architecture: net,
      input: { order: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
      classes: [],
    },
    (_name, shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)),
    seen,
  );
  return path;
};

describe('images that a net has seen', () => {
  it('are counted among test images: those that trained it, and others that steered its schedule', () => {
    const nets: SeenByNets = { known: 'all', seen: seenOf(['a', 'b'], ['b', 'c']) };
    const found = seenTest(['a', 'b', 'c', 'd'].map(item), nets, (id) =>
      id === 'd' ? undefined : sha256(id),
    );
    assert.deepEqual(found, { training: 2, validation: 1, images: ['a', 'b', 'c'] });
    const text = seenText(seenResult(nets), [{ test: 4, seen: found }]);
    assert.match(
      text,
      /^2 of 4 test images trained the net, and 1 more steered its schedule; compared by content/,
    );
    assert.match(text, /re-encoded copies are missed/);
  });

  it('are refused above one in a hundred, naming the images and the option', () => {
    const found = (training: number) => ({ training, validation: 0, images: ['x.png'] });
    refuseSeen('test', 100, found(1));
    assert.throws(
      () => refuseSeen('test', 100, found(2)),
      (error) =>
        error instanceof UsageError &&
        error.option === 'allowSeen' &&
        /2 of the 100 .*x\.png/.test(error.message),
    );
  });

  it('are united over nets; a net without digests, and one whose file has changed, say nothing', () =>
    withFolder(async (folder) => {
      const a = await save(join(folder, 'a.safetensors'), seenOf(['a']));
      const b = await save(join(folder, 'b.safetensors'), seenOf(['b']));
      const old = await save(join(folder, 'old.safetensors'));
      const fresh = await save(join(folder, 'fresh.safetensors'), nothingSeen);
      assert.deepEqual((await seenByNets([a, b])).seen.training, digests('a', 'b'));
      assert.equal((await seenByNets([a, b])).known, 'all');
      assert.equal((await seenByNets([a, old])).known, 'some');
      assert.equal((await seenByNets([old])).known, 'none');
      assert.equal((await seenByNets([fresh])).known, 'all');
      const hash = await sha256OfFile(a);
      assert.equal((await seenByNets([a], [hash])).known, 'all');
      assert.equal((await seenByNets([a], [sha256('other')])).known, 'none');
      await rm(a);
      assert.equal((await seenByNets([a], [hash])).known, 'none');
      assert.match(seenText({ known: 'none' }, []), /is not known/);
    }));

  it('are refused before anything is extracted, by the bytes of the files', () =>
    withFolder(async (folder) => {
      const items = await Promise.all(
        ['a', 'b'].map(async (name): Promise<Item> => {
          const file = join(folder, name);
          await writeFile(file, name);
          return { ...item(name), source: { file } };
        }),
      );
      const nets: SeenByNets = { known: 'all', seen: seenOf(['b']) };
      await assert.rejects(refuseSeenEarly([{ name: 'test', test: items }], nets), /1 of the 2 of test/);
      await refuseSeenEarly([{ name: 'test', test: items.slice(0, 1) }], nets);
    }));

  it('stop an evaluation on descriptors, unless that is allowed', () =>
    withFolder(async (folder) => {
      const rows = clusters(['a', 'b'], 20, 0.1);
      const descriptors = await openDescriptors([await makeStore(join(folder, 'store'), rows)]);
      const dataset = await datasetFor(benchmark, undefined, {}, descriptors);
      const nets: SeenByNets = { known: 'all', seen: seenOf(rows.map(({ id }) => id)) };
      const options = { seed: 1, trainPerClass: 10, splits: 1, bootstrap: { resamples: 2 } };
      await assert.rejects(
        evaluate(benchmark, dataset, descriptors, options, nets),
        /20 of the 20 of split 1 trained it/,
      );
      const allowed = await evaluate(benchmark, dataset, descriptors, { ...options, allowSeen: true }, nets);
      assert.equal(allowed.seen[0]!.training, 20);
    }));
});
