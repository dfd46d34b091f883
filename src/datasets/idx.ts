// IDX files, the format of MNIST and its successors: all images of a split in one file, all labels in another.
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { UsageError, VerydeepError, expected, messageOf, option } from '../errors.js';
import { sizeFromShape } from '../shape.js';
import { cacheFolder } from '../io/cache.js';
import { makeFolder, sha256, writeAtomically } from '../io/files.js';
import type { OnProgress } from '../progress.js';
import { bySplit, requireFolder } from './common.js';
import type { Dataset, ImageSource, Item } from './dataset.js';
import { remarksOn } from './remarks.js';
import { walkFolder } from './walk.js';

interface IdxOptions {
  /** Where compressed files are unpacked. Default the folder `archives` of the cache. */
  readonly cache?: string;
  readonly onProgress?: OnProgress;
}

/** "train-images-idx3-ubyte.gz", "t10k-labels.idx1-ubyte", "emnist-letters-test-images-idx3-ubyte", "qmnist-train-labels-idx2-int". */
const FILE = /^(?:(.*?)[-_.]?)?(images|labels)[-_.]?idx\d?(?:[-_.]?(?:ubyte|int))?(\.gz)?$/i;

/** What a name ends with before "images" or "labels", by split; MNIST's test images are its "10k" ones. */
const splitWords: readonly (readonly [split: string, words: RegExp])[] = [
  ['train', /(?:^|[-_.])train(?:ing)?$/i],
  ['val', /(?:^|[-_.])(?:val|valid|validation|dev)$/i],
  ['test', /(?:^|[-_.])(?:t10k|test(?:ing)?(?:10k|50k)?)$/i],
];

/** A file by its name: the set it belongs to ("emnist-letters"), its split, what it holds. */
interface Named {
  readonly file: string;
  /** Folder and first part of the name. */
  readonly set: string;
  readonly split: string;
  readonly holds: 'images' | 'labels';
  readonly compressed: boolean;
}

const named = (root: string, path: string): Named | undefined => {
  const [, prefix = '', holds, gz] = FILE.exec(basename(path)) ?? [];
  if (holds === undefined) return undefined;
  const [split, words] = splitWords.find(([, each]) => each.test(prefix)) ?? ['all', /$/];
  const folder = dirname(path) === '.' ? '' : `${dirname(path)}/`;
  return {
    file: join(root, path),
    set: `${folder}${prefix.replace(words, '')}`,
    split,
    holds: holds.toLowerCase() as 'images' | 'labels',
    compressed: gz !== undefined,
  };
};

/** The one set of files of a folder, or that to which a file belongs. */
const findFiles = async (path: string): Promise<{ root: string; files: Named[] }> => {
  const kind = await stat(path).catch(() => undefined);
  if (!kind?.isFile()) await requireFolder(path);
  const root = kind?.isFile() ? dirname(path) : path;
  const all = (await walkFolder(root)).files.flatMap((file) => named(root, file) ?? []);
  const given = kind?.isFile() ? all.find(({ file }) => file === path)?.set : undefined;
  const sets = [...new Set(all.map(({ set }) => set))];
  if (sets.length === 0 || (kind?.isFile() && given === undefined)) {
    throw expected(
      'IDX files such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz',
      path,
      kind?.isFile() ? 'a file of another name' : 'none',
    );
  }
  if (given === undefined && sets.length > 1) {
    throw expected('IDX files of one set', option('data'), sets, 'Give one of the files: its set is read.');
  }
  return { root, files: all.filter(({ set }) => set === (given ?? sets[0])) };
};

/** Types of numbers, by their code, with their bytes. */
const types: Readonly<Record<number, { readonly name: string; readonly bytes: number }>> = {
  0x08: { name: 'unsigned bytes', bytes: 1 },
  0x09: { name: 'signed bytes', bytes: 1 },
  0x0b: { name: '16-bit numbers', bytes: 2 },
  0x0c: { name: '32-bit numbers', bytes: 4 },
  0x0d: { name: '32-bit floating-point numbers', bytes: 4 },
  0x0e: { name: '64-bit floating-point numbers', bytes: 8 },
};

/** An open array: where its numbers start and how they are laid out. */
interface IdxArray {
  readonly file: string;
  readonly type: number;
  readonly sizes: readonly number[];
  readonly start: number;
}

const readBytes = async (file: string, length: number): Promise<Buffer> => {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
};

const isGzip = async (file: string): Promise<boolean> => {
  const [first, second] = await readBytes(file, 2);
  return first === 0x1f && second === 0x8b;
};

/** Maximum compression ratio: blank images compress to a thousandth. */
const MOST_TIMES = 1100;

/** Unpacks a file into the cache, unless that was done before; it is known by its path, size and time of change. */
const unpacked = async (file: string, { cache, onProgress }: IdxOptions): Promise<string> => {
  const { size, mtimeMs } = await stat(file);
  const key = sha256(`${file}\0${size}\0${mtimeMs}`).slice(0, 16);
  const folder = cache ?? join(cacheFolder(), 'archives');
  const copy = join(folder, `${basename(file).replace(/\.gz$/i, '')}-${key}`);
  if (await stat(copy).catch(() => undefined)) return copy;
  await makeFolder(folder, 'VERYDEEP_CACHE');
  await writeAtomically(copy, async (to) => {
    let done = 0;
    try {
      await pipeline(createReadStream(file), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          done += chunk.length;
          if (done > MOST_TIMES * size)
            throw new VerydeepError(`Refused ${file}: it unpacks to more than ${MOST_TIMES} times its size.`);
          await to.writeFile(chunk);
          onProgress?.({ task: `unpack ${basename(file)}`, done, unit: 'bytes' });
        }
      });
    } catch (error) {
      if (error instanceof VerydeepError || (error instanceof Error && 'syscall' in error)) throw error;
      throw new UsageError(
        `The file ${file} is damaged or ends too early (${messageOf(error)}). Download it again.`,
      );
    }
  });
  return copy;
};

/**
 * Reads the header of an array and compares it with the file's size.
 *
 * @throws UsageError naming the file when it is not an IDX file, or has another size
 */
const openArray = async (file: string, options: IdxOptions): Promise<IdxArray> => {
  const plain = (await isGzip(file)) ? await unpacked(file, options) : file;
  const magic = await readBytes(plain, 4);
  const [zero, zeroToo, type = 0, dimensions = 0] = magic;
  if (magic.length < 4 || zero !== 0 || zeroToo !== 0 || !Object.hasOwn(types, type) || dimensions < 1) {
    throw expected('an IDX file', file, `the first bytes ${magic.toString('hex')}`, 'Download it again.');
  }
  const start = 4 + 4 * dimensions;
  const header = await readBytes(plain, start);
  const sizes = Array.from({ length: dimensions }, (_, i) =>
    header.length < start ? 0 : header.readUInt32BE(4 + 4 * i),
  );
  const whole = start + sizeFromShape(sizes) * types[type]!.bytes;
  const { size } = await stat(plain);
  if (size !== whole) {
    throw expected(
      `${whole} bytes, as its header says (${sizes.join(' x ')}),`,
      file,
      `${size} bytes`,
      'Download it again.',
    );
  }
  return { file: plain, type, sizes, start };
};

/** Labels as integers; the first of several columns (QMNIST's). */
const readLabels = async (file: string, options: IdxOptions): Promise<number[]> => {
  const { file: plain, type, sizes, start } = await openArray(file, options);
  const [count = 0, columns = 1] = sizes;
  if (sizes.length > 2 || ![0x08, 0x09, 0x0b, 0x0c].includes(type)) {
    throw expected('a list of whole numbers', file, `${sizes.join(' x ')} ${types[type]!.name}`);
  }
  const data = await readFile(plain);
  const { bytes } = types[type]!;
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * columns * bytes;
    return type === 0x08 ? data[at]! : data.readIntBE(at, bytes);
  });
};

/** The location of each image. */
const imageSources = async (file: string, options: IdxOptions): Promise<ImageSource[]> => {
  const { file: plain, type, sizes, start } = await openArray(file, options);
  const [count = 0, height = 0, width = 0, channels = 1] = sizes;
  const isKnown = type === 0x08 && [3, 4].includes(sizes.length) && (channels === 1 || channels === 3);
  if (!isKnown || height < 1 || width < 1) {
    throw expected(
      'images of unsigned bytes, images x rows x columns, or x 3 for colours,',
      file,
      `${sizes.join(' x ')} ${types[type]!.name}`,
    );
  }
  const length = height * width * channels;
  const pixels = { width, height, channels } as const;
  return Array.from({ length: count }, (_, i) => ({
    file: plain,
    slice: { offset: start + i * length, length },
    pixels,
  }));
};

const NAME_FILES = ['labels.txt', 'classes.txt', 'names.txt', 'class_names.txt', 'label_names.txt'];

const linesIn = async (file: string): Promise<string[] | undefined> => {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text
    ?.replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
};

/** EMNIST's list of labels and the character codes that they stand for: "1 65 97" is the letter A, large and small. */
const readMapping = async (set: string, folder: string): Promise<Map<number, string> | undefined> => {
  const lines = await linesIn(join(folder, `${set}-mapping.txt`));
  return (
    lines &&
    new Map(
      lines.map((line): [number, string] => {
        const [label, ...codes] = line.split(/\s+/).map(Number);
        return [label!, String.fromCodePoint(...codes)];
      }),
    )
  );
};

/** Names of labels from a file beside the images, a name a line from the least label on. */
const readNames = async (
  set: string,
  folder: string,
  labels: readonly number[],
): Promise<Map<number, string>> => {
  const mapping = await readMapping(basename(set), folder);
  if (mapping) return mapping;
  for (const name of NAME_FILES) {
    const file = join(folder, name);
    const lines = await linesIn(file);
    if (!lines) continue;
    const first = lines.length > labels.at(-1)! ? 0 : labels[0]!;
    if (labels.at(-1)! - first >= lines.length || new Set(lines).size < lines.length) {
      throw expected(`a name of its own for each label from ${labels[0]} to ${labels.at(-1)}`, file, lines);
    }
    return new Map(lines.map((line, i) => [first + i, line]));
  }
  return new Map();
};

/**
 * Reads a data set of IDX files, compressed or not: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and the same for
 * `t10k` or `test`, with any prefix. Classes are the labels in their order; a file `labels.txt` or `classes.txt` beside
 * the images names them, a name a line, or EMNIST's `…-mapping.txt` does. EMNIST's images are transposed as published, and
 * stay so.
 *
 * @param path the folder that holds the files, or one of them
 * @throws UsageError naming the file at fault: none found, several sets, a file missing, cut short or of another form
 */
export const readIdx = async (path: string, options: IdxOptions = {}): Promise<Dataset> => {
  const { root, files } = await findFiles(resolve(path));
  const splits = [...new Set(files.map(({ split }) => split))];
  const read = await Promise.all(
    splits.map(async (split) => {
      const one = (holds: Named['holds']): string => {
        const candidates = files.filter((each) => each.split === split && each.holds === holds);
        const found = candidates.find(({ compressed }) => !compressed) ?? candidates[0];
        if (found) return found.file;
        const other = files.find((each) => each.split === split)!.file;
        throw expected(`the ${holds} that belong to ${other}`, dirname(other), 'none', 'Download them too.');
      };
      const [images, labels] = [one('images'), one('labels')];
      const [sources, numbers] = [await imageSources(images, options), await readLabels(labels, options)];
      if (sources.length !== numbers.length) {
        throw expected(
          `${sources.length} labels, as there are images,`,
          labels,
          numbers.length,
          'Download both again.',
        );
      }
      return { split, images, sources, numbers };
    }),
  );
  const labels = [...new Set(read.flatMap(({ numbers }) => numbers))].sort((a, b) => a - b);
  if (labels.length === 0) throw expected('images', root, 'none');
  const names = await readNames(files[0]!.set, dirname(files[0]!.file), labels);
  const nameOf = (label: number): string => names.get(label) ?? String(label);
  const shared = new Map(labels.map((label) => [label, [nameOf(label)]])); // One array a class, shared by its images.
  const items = read.flatMap(({ split, images, sources, numbers }) => {
    const shown = relative(root, images).split(sep).join('/');
    return sources.map((source, i): [string, Item] => [
      split,
      {
        id: `${split}/${String(i).padStart(6, '0')}`,
        path: `${shown}#${i}`,
        source,
        labels: shared.get(numbers[i]!)!,
      },
    ]);
  });
  const found = { classes: labels.map(nameOf), splits: bySplit(items) };
  const remarks = remarksOn(found);
  return { name: 'idx', root, ...found, strays: [], ...(remarks.length > 0 && { remarks }) };
};
