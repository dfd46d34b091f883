// Renders the demo's images into an image folder, unless it is up to date.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { usableCores } from '../../src/cores.js';
import sharp from 'sharp';
import { sha256, writeFileAtomically } from '../../src/io/files.js';
import type { OnProgress } from '../../src/progress.js';
import { artists } from './artists.js';
import { readConcepts } from './concepts.js';
import { readDrawings } from './drawings.js';
import { packageVersion } from './packages.js';
import { SIDE, chance, scene } from './scene.js';
import { type Placed, groups, select, sizes } from './selection.js';

/** Version of the renderer: raise it when the same input gives different pictures. */
const RENDERER = 1;

/** What the images depend on; a folder rendered from the same input is reused. */
const inputs = (seed: number): string =>
  JSON.stringify({
    renderer: RENDERER,
    seed,
    packages: artists.map((artist) => `${artist.package}@${packageVersion(artist.package)}`),
    sharp: sharp.versions,
    choices: { SIDE, chance, groups, sizes },
  });

/** One scene as PNG. */
export const png = (placed: Placed, seed: number): Promise<Buffer> =>
  sharp(Buffer.from(scene(placed.drawing, seed)))
    .flatten({ background: '#fff' })
    .png({ compressionLevel: 4 })
    .toBuffer();

const renderAll = async (
  folder: string,
  images: readonly Placed[],
  seed: number,
  onProgress: OnProgress,
): Promise<void> => {
  for (const path of new Set(images.map((image) => dirname(image.path))))
    await mkdir(join(folder, path), { recursive: true });
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    for (let image = images[next++]; image; image = images[next++]) {
      await writeFile(join(folder, image.path), await png(image, seed));
      onProgress({ task: 'render', done: ++done, total: images.length, unit: 'images' });
    }
  };
  await Promise.all(Array.from({ length: 2 * usableCores() }, work));
};

/** Reads the drawings and chooses the images. */
export const chooseImages = async (seed: number): Promise<Placed[]> =>
  select(await readDrawings(await readConcepts()), seed);

/**
 * Renders `images` into `folder`, unless it was made from the same input before.
 *
 * @param madeFrom tells the input; kept beside the folder, as `<folder>.made-from`
 * @returns whether anything had to be rendered
 */
export const renderInto = async (
  folder: string,
  images: readonly Placed[],
  seed: number,
  madeFrom: string,
  onProgress: OnProgress,
): Promise<boolean> => {
  const made = `${folder}.made-from`;
  if (existsSync(folder) && existsSync(made) && (await readFile(made, 'utf8')) === madeFrom) return false;
  const beside = `${folder}.new`;
  for (const path of [made, folder, beside]) await rm(path, { recursive: true, force: true });
  await renderAll(beside, images, seed, onProgress);
  await rename(beside, folder);
  await writeFileAtomically(made, madeFrom);
  return true;
};

/** Chooses and renders the images of `seed` into `folder`, unless it holds them already. */
export const renderImages = async (
  folder: string,
  seed: number,
  onProgress: OnProgress,
): Promise<{ images: Placed[]; rendered: boolean }> => {
  const images = await chooseImages(seed);
  return { images, rendered: await renderInto(folder, images, seed, sha256(inputs(seed)), onProgress) };
};
