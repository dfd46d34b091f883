// Saves the SVMs of each split with all that is needed to score new images.
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Extraction } from '../../src/classifiers/extraction.js';
import { saveModel } from '../../src/classifiers/model-file.js';
import type { Descriptors } from './descriptors.js';
import type { SplitOutcome } from './outcome.js';

/** How the descriptors were made; `backbones` are the weight files where they are known. */
export const extractionOf = (
  descriptors: Descriptors,
  backbones: readonly string[],
  folder: string,
  norm?: number,
): Extraction => {
  let next = 0;
  return {
    stacks: descriptors.stores.map(({ recipe, nets }, i) => ({
      recipe,
      layer: descriptors.layers[i]!,
      nets: nets.map((net) => {
        const file = backbones[next++];
        return file === undefined ? net : { ...net, path: relative(folder, resolve(file)) };
      }),
    })),
    ...(norm === undefined ? {} : { norm }),
  };
};

/** Writes `models/<split>.safetensors` under `out`; returns the paths relative to it. */
export const saveModels = async (
  out: string,
  outcomes: readonly SplitOutcome[],
  descriptors: Descriptors,
  backbones: readonly string[],
  norm?: number,
): Promise<string[]> => {
  const folder = resolve(out, 'models');
  await mkdir(folder, { recursive: true });
  const extraction = extractionOf(descriptors, backbones, folder, norm);
  const paths: string[] = [];
  for (const { name, model } of outcomes) {
    const path = `models/${name.replaceAll(' ', '-')}.safetensors`;
    await saveModel(join(out, path), { ...model, extraction });
    paths.push(path);
  }
  return paths;
};
