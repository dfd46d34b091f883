// The cache of quantised nets: beside their backbones, by checksum, with the fidelity measured for each
// recipe.
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Backbone } from '../../backbone/nets/backbone.js';
import type { WeightBits } from '../../backbone/int8/quantise.js';
import { codeOf } from '../../errors.js';
import { sha256 } from '../../io/files.js';
import type { Fidelity } from './int8-fidelity.js';
import { type Recipe, recipeHash } from '../recipe/recipe.js';

/** Folder for the quantised file: beside the backbone, or under `out` if that folder is not writable. */
const cacheFolder = async (backbone: Backbone, out: string): Promise<string> => {
  const beside = join(dirname(backbone.path), '.int8');
  try {
    await mkdir(beside, { recursive: true });
    await access(beside, constants.W_OK);
    return beside;
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    const below = join(out, '.int8');
    await mkdir(below, { recursive: true });
    return below;
  }
};

/** Paths of the quantised nets of a calibration. */
export const quantisedPaths = (
  backbones: readonly Backbone[],
  calibration: string,
  bits: WeightBits,
  out: string,
): Promise<string[]> =>
  Promise.all(
    backbones.map(async (backbone) => {
      const name = basename(backbone.path).replace(/\.safetensors$/, '');
      const key = sha256(JSON.stringify([await backbone.sha256(), calibration, bits])).slice(0, 16);
      return join(await cacheFolder(backbone, out), `${name}-${key}.safetensors`);
    }),
  );

/** The note beside the first quantised file: its fidelity for a recipe. */
export interface Note {
  readonly fidelity: Fidelity;
  /** Hash of the sample used for calibration and measurement, or of the last equivalent one. */
  readonly sample: string;
}

/** The fidelity also depends on the recipe and is measured once for each. */
export const noteFile = (recipe: Recipe, files: readonly string[], hashes: readonly string[]): string => {
  const nets = hashes.map((hash) => ({ sha256: hash, config: '' }));
  return `${files[0]!.replace(/\.safetensors$/, '')}-${recipeHash(recipe, nets)}.json`;
};

/** The note, if it exists and is valid. */
export const readNote = async (path: string): Promise<Note | undefined> => {
  if (!existsSync(path)) return undefined;
  const note = JSON.parse(await readFile(path, 'utf8')) as Partial<Note>;
  return note.fidelity && note.sample !== undefined ? (note as Note) : undefined;
};
