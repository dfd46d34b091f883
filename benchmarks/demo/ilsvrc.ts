// Writes images in the layouts of ILSVRC2012: class folders, the flat validation set with its kit, Kaggle's
// files, tars.
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { sha256 } from '../../src/io/files.js';
import { Random } from '../../src/random.js';
import { structureFile } from './matlab-file.js';

/** A layout of ILSVRC2012. */
export const layouts = ['folders', 'devkit', 'kaggle', 'archives'] as const;
export type Layout = (typeof layouts)[number];

/** An image and the name of its class. */
export interface Picture {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Training and validation images. Every validation class must have training images. */
export interface Pictures {
  readonly train: readonly Picture[];
  readonly val: readonly Picture[];
}

type File = readonly [path: string, content: Buffer | string];

/** A synthetic WNID. Its order is unrelated to that of the names, as with the real ones. */
export const wnidOf = (name: string): string =>
  `n${String(parseInt(sha256(name).slice(0, 12), 16) % 10 ** 8).padStart(8, '0')}`;

const numbered = <T>(items: readonly T[], of: (item: T) => string): [item: T, serial: number][] => {
  const counts = new Map<string, number>();
  return items.map((item) => {
    const serial = (counts.get(of(item)) ?? 0) + 1;
    counts.set(of(item), serial);
    return [item, serial];
  });
};

const trainFiles = (train: readonly Picture[]): File[] =>
  numbered(train, ({ name }) => name).map(([{ name, bytes }, serial]) => [
    `${wnidOf(name)}/${wnidOf(name)}_${serial}.JPEG`,
    bytes,
  ]);

const valName = (i: number): string => `ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`;

/** The kit: IDs follow the names' order, and one synset that is no class has children. */
const kitFiles = (names: readonly string[], val: readonly Picture[]): File[] => {
  const ids = new Map(names.map((name, i) => [name, i + 1]));
  const row = (id: number, wnid: string, words: string, children: number) => ({
    ILSVRC2012_ID: id,
    WNID: wnid,
    words,
    gloss: words,
    num_children: children,
    children: 0,
    wordnet_height: children,
    num_train_images: 0,
  });
  const rows = [
    ...names.map((name, i) => row(i + 1, wnidOf(name), name, 0)),
    row(names.length + 1, 'n00001740', 'entity', names.length),
  ];
  return [
    ['meta.mat', structureFile('synsets', rows)],
    ['ILSVRC2012_validation_ground_truth.txt', val.map(({ name }) => `${ids.get(name)!}\n`).join('')],
  ];
};

const kaggleFiles = (names: readonly string[], val: readonly Picture[]): File[] => {
  const rows = val.map(({ name }, i) => `${valName(i).slice(0, -5)},${wnidOf(name)} 1 2 30 40 `);
  const mapping = names.map((name) => `${wnidOf(name)} ${name}`).sort();
  return [
    ['LOC_val_solution.csv', `ImageId,PredictionString\n${new Random('rows', 1).shuffle(rows).join('\n')}\n`],
    ['LOC_synset_mapping.txt', `${mapping.join('\n')}\n`],
  ];
};

const writeFiles = async (root: string, files: readonly File[]): Promise<void> => {
  for (const [path, content] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
};

const tarOf = (files: readonly File[]): ReturnType<typeof pack> => {
  const tar = pack();
  for (const [name, content] of files) tar.entry({ name }, content);
  tar.finalize();
  return tar;
};

const bytesOf = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const prefixed = (folder: string, files: readonly File[]): File[] =>
  files.map(([path, content]) => [`${folder}/${path}`, content]);

const writeArchives = async (
  root: string,
  train: readonly File[],
  val: readonly File[],
  kit: readonly File[],
): Promise<void> => {
  const classes = new Map<string, File[]>();
  for (const [path, content] of train) {
    const [wnid, name] = path.split('/') as [string, string];
    classes.set(wnid, [...(classes.get(wnid) ?? []), [name, content]]);
  }
  const inner: File[] = [];
  for (const [wnid, files] of classes)
    inner.push([`${wnid}.tar`, await bytesOf(tarOf(files) as AsyncIterable<Buffer>)]);
  await mkdir(root, { recursive: true });
  await pipeline(tarOf(inner), createWriteStream(join(root, 'ILSVRC2012_img_train.tar')));
  await pipeline(tarOf(val), createWriteStream(join(root, 'ILSVRC2012_img_val.tar')));
  const kitTar = join(root, 'ILSVRC2012_devkit_t12.tar.gz');
  await pipeline(tarOf(prefixed('ILSVRC2012_devkit_t12/data', kit)), createGzip(), createWriteStream(kitTar));
};

/**
 * Writes images below `root` in one of the layouts of ILSVRC2012. All layouts hold the same images with the
 * same classes.
 */
export const layOut = async (layout: Layout, { train, val }: Pictures, root: string): Promise<void> => {
  const names = [...new Set(train.map(({ name }) => name))].sort();
  const training = trainFiles(train);
  const flat = val.map(({ bytes }, i): File => [valName(i), bytes]);
  const sorted = val.map(({ name, bytes }, i): File => [`${wnidOf(name)}/${valName(i)}`, bytes]);
  const kit = kitFiles(names, val);
  switch (layout) {
    case 'folders':
      return writeFiles(root, [...prefixed('train', training), ...prefixed('val', sorted)]);
    case 'devkit':
      return writeFiles(root, [
        ...prefixed('train', training),
        ...prefixed('val', flat),
        ...prefixed('ILSVRC2012_devkit_t12/data', kit),
      ]);
    case 'kaggle':
      return writeFiles(root, [
        ...prefixed('ILSVRC/Data/CLS-LOC/train', training),
        ...prefixed('ILSVRC/Data/CLS-LOC/val', flat),
        ...kaggleFiles(names, val),
      ]);
    case 'archives':
      return writeArchives(root, training, flat, kit);
  }
};
