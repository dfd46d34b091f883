// The same small drawings with boxes, laid out as each data set that has boxes.
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { VOC_CLASSES } from '../../src/datasets/voc.js';
import { Random } from '../../src/random.js';

export const CLASSES = ['n01443537', 'n02124075'] as const;
/** Their names as classes of VOC. */
export const AS_VOC: Readonly<Record<string, string>> = { n01443537: 'aeroplane', n02124075: 'cat' };

/** A drawing: a filled rectangle of its class's colour on noise. */
export interface Drawing {
  readonly split: 'train' | 'val';
  readonly number: number;
  readonly wnid: string;
  /** 0-based inclusive corners. */
  readonly corners: readonly [number, number, number, number];
  readonly bytes: Buffer;
}

const SIDE = 32;

/** Drawings of both classes: `train` and `val` of each. */
export const drawings = async (train: number, val: number): Promise<Drawing[]> => {
  const random = new Random(7, 'drawings');
  const all: Drawing[] = [];
  for (const [split, count] of [
    ['train', train],
    ['val', val],
  ] as const) {
    for (let number = 1; number <= 2 * count; number++) {
      const wnid = CLASSES[number % 2]!;
      const [left, top] = [random.below(14), random.below(14)];
      const corners = [left, top, left + 9 + random.below(8), top + 9 + random.below(8)] as const;
      const data = Buffer.alloc(SIDE * SIDE * 3);
      for (let y = 0; y < SIDE; y++) {
        for (let x = 0; x < SIDE; x++) {
          const inside = x >= corners[0] && x <= corners[2] && y >= corners[1] && y <= corners[3];
          const colour = !inside ? [90, 90, 90] : number % 2 ? [250, 40, 20] : [20, 60, 250];
          colour.forEach((value, c) => (data[(y * SIDE + x) * 3 + c] = value + random.below(5)));
        }
      }
      const bytes = await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
        .png()
        .toBuffer();
      all.push({ split, number, wnid, corners, bytes });
    }
  }
  return all;
};

const write = async (root: string, path: string, content: string | Buffer): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
};

const padded = (number: number, digits: number): string => String(number).padStart(digits, '0');

/** An annotation; `first` is the number of the first pixel. */
export const xmlOf = (name: string, label: string, corners: readonly number[], first: number): string => {
  const [xmin, ymin, xmax, ymax] = corners.map((corner) => corner + first);
  return `<annotation>
  <filename>${name}</filename>
  <size><width>${SIDE}</width><height>${SIDE}</height><depth>3</depth></size>
  <object>
    <name>${label}</name>
    <bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox>
  </object>
</annotation>
`;
};

const ilsvrcName = ({ split, wnid, number }: Drawing): string =>
  split === 'train' ? `${wnid}_${number}` : `ILSVRC2012_val_${padded(number, 8)}`;
const inSplit = (each: Drawing): string =>
  each.split === 'train' ? `${each.wnid}/${ilsvrcName(each)}` : ilsvrcName(each);

const solution = (all: readonly Drawing[], split: string): string =>
  [
    'ImageId,PredictionString',
    ...all
      .filter((each) => each.split === split)
      .map((each) => `${ilsvrcName(each)},${each.wnid} ${each.corners.join(' ')} `),
    '',
  ].join('\n');

/** ILSVRC's images; validation images in class folders unless a table labels them. */
const ilsvrcImages = async (
  root: string,
  all: readonly Drawing[],
  base = '',
  flat = false,
): Promise<void> => {
  for (const each of all) {
    const folder = each.split === 'val' && !flat ? `${each.wnid}/` : '';
    await write(root, `${base}${each.split}/${folder}${inSplit(each)}.JPEG`, each.bytes);
  }
};

const tarOf = async (root: string, file: string, entries: readonly [string, string][]): Promise<void> => {
  const tar = pack();
  for (const [name, text] of entries) tar.entry({ name }, text);
  tar.finalize();
  await mkdir(root, { recursive: true });
  await pipeline(tar, createGzip(), createWriteStream(join(root, file)));
};

const ilsvrcXml = (each: Drawing): string => xmlOf(ilsvrcName(each), each.wnid, each.corners, 0);

/** How each form is written; the value is the data set's name. */
export const forms: Readonly<
  Record<string, { dataset: string; make: (root: string, all: readonly Drawing[]) => Promise<void> }>
> = {
  'ILSVRC, XML in folders': {
    dataset: 'imagenet',
    make: async (root, all) => {
      await ilsvrcImages(root, all);
      for (const each of all)
        await write(root, `Annotation/${each.split}/${inSplit(each)}.xml`, ilsvrcXml(each));
    },
  },
  'ILSVRC, original archives': {
    dataset: 'imagenet',
    make: async (root, all) => {
      await ilsvrcImages(root, all);
      const of = (split: string, prefix: string): [string, string][] =>
        all
          .filter((each) => each.split === split)
          .map((each) => [`${prefix}${inSplit(each)}.xml`, ilsvrcXml(each)]);
      await tarOf(root, 'ILSVRC2012_bbox_train_v2.tar.gz', of('train', ''));
      await tarOf(root, 'ILSVRC2012_bbox_val_v3.tgz', of('val', 'val/'));
    },
  },
  'ILSVRC, Kaggle': {
    dataset: 'imagenet',
    make: async (root, all) => {
      await ilsvrcImages(root, all, 'ILSVRC/Data/CLS-LOC/', true);
      for (const split of ['train', 'val'])
        await write(root, `LOC_${split}_solution.csv`, solution(all, split));
    },
  },
  'Tiny ImageNet': {
    dataset: 'tiny-imagenet',
    make: async (root, all) => {
      await write(root, 'wnids.txt', `${CLASSES.join('\n')}\n`);
      const rows = (wnid: string): string =>
        all
          .filter((each) => each.split === 'train' && each.wnid === wnid)
          .map((each) => `${ilsvrcName(each)}.JPEG\t${each.corners.join('\t')}\n`)
          .join('');
      for (const wnid of CLASSES) await write(root, `train/${wnid}/${wnid}_boxes.txt`, rows(wnid));
      const val = all.filter((each) => each.split === 'val');
      await write(
        root,
        'val/val_annotations.txt',
        val.map((each) => `val_${each.number}.JPEG\t${each.wnid}\t${each.corners.join('\t')}\n`).join(''),
      );
      for (const each of all)
        await write(
          root,
          each.split === 'train'
            ? `train/${each.wnid}/images/${ilsvrcName(each)}.JPEG`
            : `val/images/val_${each.number}.JPEG`,
          each.bytes,
        );
    },
  },
  VOC: {
    dataset: 'voc2007',
    make: async (root, all) => {
      const ids = new Map(all.map((each, i) => [each, padded(i + 1, 6)]));
      for (const [each, id] of ids) {
        await write(root, `VOC2007/JPEGImages/${id}.jpg`, each.bytes);
        const label = AS_VOC[each.wnid]!;
        await write(root, `VOC2007/Annotations/${id}.xml`, xmlOf(`${id}.jpg`, label, each.corners, 1));
      }
      for (const split of ['train', 'val']) {
        const own = [...ids].filter(([each]) => each.split === split);
        const list = own.map(([, id]) => `${id}\n`).join('');
        await write(root, `VOC2007/ImageSets/Main/${split}.txt`, list);
        for (const name of VOC_CLASSES) {
          const rows = own.map(([each, id]) => `${id} ${AS_VOC[each.wnid] === name ? ' 1' : '-1'}\n`);
          await write(root, `VOC2007/ImageSets/Main/${name}_${split}.txt`, rows.join(''));
        }
      }
    },
  },
  CSV: {
    dataset: 'csv',
    make: async (root, all) => {
      const rows = all.map((each) => {
        const corners = each.corners.map((corner) => corner + 1);
        return `${each.split}-${each.number}.png,${each.wnid},${each.split},${corners.join(',')}\n`;
      });
      await write(root, 'list.csv', `path,label,split,xmin,ymin,xmax,ymax\n${rows.join('')}`);
      for (const each of all) await write(root, `${each.split}-${each.number}.png`, each.bytes);
    },
  },
};
