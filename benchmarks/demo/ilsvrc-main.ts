// `npm run demo:ilsvrc`: the demo's pre-training drawings in the layout of ILSVRC2012, for trying the
// commands for ImageNet.
import { join } from 'node:path';
import sharp from 'sharp';
import { expected } from '../../src/errors.js';
import { flagsOf, runProgram } from '../arguments.js';
import { type Layout, type Picture, type Pictures, layOut, layouts } from './ilsvrc.js';
import { chooseImages, png } from './render.js';
import type { Placed } from './selection.js';

const help = `Renders the drawings on which the demo trains and lays them out as ILSVRC2012 is found on disks.

  npm run demo:ilsvrc -- [--layout ${layouts.join('|')}] [--classes N] [--seed N] [--out DIR]

  --layout   folders: val/<wnid>/; devkit: val/ flat with the development kit; kaggle: its folders and CSV files;
             archives: the tar of tars, the tar of val and the zipped kit (default: devkit)
  --classes  the first N concepts only (default: all)
  --seed     as of the demo (default: 1)
  --out      default: runs/ilsvrc-<layout>
`;

/** The concept that a drawing shows: its path between the part and the file. */
const concept = ({ path }: Placed): string => path.split('/').slice(2, -1).join('/');

/** JPEG, as ILSVRC's images are; the class is the concept's folder. */
const pictureOf = async (image: Placed, seed: number): Promise<Picture> => ({
  name: concept(image),
  bytes: await sharp(await png(image, seed))
    .jpeg({ quality: 95 })
    .toBuffer(),
});

const picturesOf = async (seed: number, classes: number): Promise<Pictures> => {
  const all = (await chooseImages(seed)).filter(({ path }) => path.startsWith('pretrain/'));
  const of = (part: string) => all.filter(({ path }) => path.startsWith(`pretrain/${part}/`));
  const validating = [...new Set(of('val').map(concept))];
  const others = [...new Set(of('train').map(concept))].filter((name) => !validating.includes(name));
  const kept = new Set([...validating, ...others].slice(0, classes));
  const render = async (images: readonly Placed[]) => {
    const pictures: Picture[] = [];
    for (const image of images) if (kept.has(concept(image))) pictures.push(await pictureOf(image, seed));
    return pictures;
  };
  return { train: await render(of('train')), val: await render(of('val')) };
};

const main = async (): Promise<void> => {
  const options = {
    layout: { type: 'string', default: 'devkit' },
    classes: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  } as const;
  const values = flagsOf({ options });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const { layout, seed, classes } = values;
  if (!layouts.includes(layout as Layout)) throw expected(`one of ${layouts.join(', ')}`, '--layout', layout);
  if (!Number.isInteger(Number(seed))) throw expected('a whole number', '--seed', seed);
  if (!(Number(classes) >= 2)) throw expected('at least 2', '--classes', classes);
  const out = values.out ?? join('runs', `ilsvrc-${layout}`);
  const pictures = await picturesOf(Number(seed), Number(classes));
  await layOut(layout as Layout, pictures, out);
  process.stdout.write(
    `Wrote ${pictures.train.length} training and ${pictures.val.length} validation images into ${out}\n`,
  );
};

await runProgram(main, 'demo');
