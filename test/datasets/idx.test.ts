// IDX files: written here byte by byte, compressed or not, and Fashion-MNIST as Debian ships it, where it is installed.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openDataset } from '../../src/datasets/open.js';
import { loadImage } from '../../src/images/decode.js';
import { withFolder, withVariables } from '../support.js';

/** An array of unsigned bytes in IDX form. */
const idx = (sizes: readonly number[], data: readonly number[], type = 8): Buffer => {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.set([0, 0, type, sizes.length]);
  sizes.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, Buffer.from(data)]);
};

const images = idx([3, 2, 2], [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]);

const withFiles = (
  files: Readonly<Record<string, Buffer>>,
  use: (root: string) => Promise<void>,
): Promise<void> =>
  withFolder((root) =>
    withVariables({ VERYDEEP_CACHE: join(root, 'cache') }, async () => {
      for (const [path, bytes] of Object.entries(files)) {
        await mkdir(dirname(join(root, 'data', path)), { recursive: true });
        await writeFile(join(root, 'data', path), bytes);
      }
      await use(join(root, 'data'));
    }),
  );

const pixelsOf = async (
  dataset: Awaited<ReturnType<typeof openDataset>>,
  split: string,
): Promise<number[][]> =>
  Promise.all(
    dataset.splits[split]!.map(async ({ source, path }) => {
      const { data, width, height } = await loadImage(source, path);
      assert.deepEqual([width, height, data.length], [2, 2, 12]);
      assert.ok(
        data.every((value, i) => value === data[i - (i % 3)]),
        'grey',
      );
      return [...data].filter((_, i) => i % 3 === 0);
    }),
  );

const FASHION = '/usr/share/datasets/fashion-mnist';

describe('idx', () => {
  it('reads images and labels under the names that MNIST and its successors have, compressed or not', async () => {
    const labels = idx([3], [10, 2, 2]);
    for (const [train, test] of [
      [
        ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
        ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
      ],
      [
        ['train-images.idx3-ubyte', 'train-labels.idx1-ubyte'],
        ['t10k-images.idx3-ubyte', 't10k-labels.idx1-ubyte'],
      ],
      [
        ['raw/emnist-letters-train-images-idx3-ubyte.gz', 'raw/emnist-letters-train-labels-idx1-ubyte.gz'],
        ['raw/emnist-letters-test-images-idx3-ubyte.gz', 'raw/emnist-letters-test-labels-idx1-ubyte.gz'],
      ],
    ] as const) {
      const packed = (name: string, bytes: Buffer): Buffer =>
        name.endsWith('.gz') ? gzipSync(bytes) : bytes;
      const files = Object.fromEntries(
        [train, test].flatMap(([first, second]) => [
          [first, packed(first, images)],
          [second, packed(second, labels)],
        ]),
      );
      await withFiles(files, async (root) => {
        const dataset = await openDataset('idx', root);
        assert.deepEqual(dataset.classes, ['2', '10'], 'by number, not by text');
        assert.deepEqual(
          dataset.splits['train']!.map(({ id, path, labels: [label] }) => [id, path, label]),
          ['10', '2', '2'].map((label, i) => [`train/00000${i}`, `${train[0]}#${i}`, label]),
        );
        assert.equal(dataset.splits['test']!.length, 3);
        assert.deepEqual(await pixelsOf(dataset, 'train'), [
          [0, 10, 20, 30],
          [40, 50, 60, 70],
          [80, 90, 100, 110],
        ]);
      });
    }
  });

  it('reads colours, and labels of several columns of 32 bits', () =>
    withFiles(
      {
        'train-images-idx4-ubyte': idx([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]),
        'qmnist-train-labels-idx2-int': idx([1, 2], [0, 0, 1, 0, 9, 9, 9, 9], 0x0c),
      },
      async (root) => {
        await writeFile(join(root, 'qmnist-train-images-idx4-ubyte'), idx([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]));
        const { classes, splits } = await openDataset('idx', join(root, 'qmnist-train-labels-idx2-int'));
        assert.deepEqual(classes, ['256']);
        assert.deepEqual([...(await loadImage(splits['train']![0]!.source)).data], [1, 2, 3, 4, 5, 6]);
      },
    ));

  it("names classes by a file of names, or by EMNIST's mapping", async () => {
    const files = { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': idx([3], [0, 1, 2]) };
    await withFiles({ ...files, 'labels.txt': Buffer.from('shirt\ncoat\nbag\n') }, async (root) => {
      assert.deepEqual((await openDataset('idx', root)).classes, ['shirt', 'coat', 'bag']);
    });
    await withFiles({ ...files, 'classes.txt': Buffer.from('shirt\ncoat\n') }, async (root) => {
      await assert.rejects(openDataset('idx', root), /a name of its own for each label from 0 to 2/);
    });
    await withFiles(
      {
        'emnist-letters-train-images-idx3-ubyte': images,
        'emnist-letters-train-labels-idx1-ubyte': idx([3], [1, 2, 2]),
        'emnist-letters-mapping.txt': Buffer.from('1 65 97\n2 66 98\n'),
      },
      async (root) => {
        assert.deepEqual((await openDataset('idx', root)).classes, ['Aa', 'Bb']);
      },
    );
  });

  it('says what is wrong, and which file', async () => {
    const good = { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': idx([3], [0, 1, 2]) };
    const faults: readonly [Readonly<Record<string, Buffer>>, RegExp][] = [
      [{ 'a.png': Buffer.from('x') }, /Expected IDX files such as .* but received "none"\./],
      [{ 'train-images-idx3-ubyte': images }, /Expected the labels that belong to .*train-images-idx3-ubyte/],
      [
        { ...good, 'train-labels-idx1-ubyte': idx([2], [0, 1]) },
        /Expected 3 labels, as there are images, .* received 2/,
      ],
      [
        { ...good, 'train-images-idx3-ubyte': images.subarray(0, 20) },
        /Expected 28 bytes, as its header says \(3 x 2 x 2\)/,
      ],
      [{ ...good, 'train-images-idx3-ubyte': Buffer.from('<html>') }, /Expected an IDX file .*3c68746d/],
      [{ ...good, 'train-images-idx3-ubyte': idx([3], [0, 1, 2]) }, /Expected images of unsigned bytes/],
      [
        { ...good, 'train-labels-idx1-ubyte': gzipSync(idx([3], [0, 1, 2])).subarray(0, 20) },
        /is damaged or ends too early .* Download it again/,
      ],
      [
        { ...good, 'digits-train-images-idx3-ubyte': images, 'digits-train-labels-idx1-ubyte': images },
        /Expected IDX files of one set for data .* Give one of the files: its set is read/,
      ],
    ];
    for (const [files, message] of faults) {
      await withFiles(files, async (root) => {
        await assert.rejects(openDataset('idx', root), (error: Error) => {
          assert.match(error.message, message);
          return true;
        });
      });
    }
  });

  it('reads Fashion-MNIST', async function () {
    if (!existsSync(FASHION)) this.skip();
    await withFolder((cache) =>
      withVariables({ VERYDEEP_CACHE: cache }, async () => {
        const dataset = await openDataset('idx', FASHION);
        const { train, test } = dataset.splits;
        assert.deepEqual([train!.length, test!.length, dataset.classes.length], [60_000, 10_000, 10]);
        for (const name of dataset.classes) {
          assert.equal(train!.filter(({ labels }) => labels[0] === name).length, 6000);
        }
        assert.deepEqual(
          train!.slice(0, 3).flatMap(({ labels }) => labels),
          ['9', '0', '0'],
        );
        const { data } = await loadImage(train![0]!.source);
        assert.equal(
          data.reduce((sum, value) => sum + value, 0),
          3 * 76_247,
        );
      }),
    );
  });
});
