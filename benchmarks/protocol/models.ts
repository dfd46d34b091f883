// Saves the SVMs of each split with all that is needed to score new images.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Extraction, relativeTo } from '../../src/classifiers/extraction.js';
import { saveModel } from '../../src/classifiers/model-file.js';
import type { Descriptors } from './descriptors.js';
import type { SplitOutcome } from './outcome.js';

/** How the descriptors were made; `files` are the weight files of the nets, where they are known. */
export const extractionOf = (
  descriptors: Descriptors,
  files: readonly (string | undefined)[],
  norm?: number,
): Extraction => {
  let next = 0;
  return {
    stacks: descriptors.stores.map(({ recipe, nets }, i) => ({
      recipe,
      layer: descriptors.layers[i]!,
      nets: nets.map((net) => {
        const file = files[next++];
        return file === undefined ? net : { ...net, path: resolve(file) };
      }),
    })),
    ...(norm === undefined ? {} : { norm }),
  };
};

/** The weight files of all stacks: those given, else those at the paths recorded in the stores; none of nets of others. */
export const weightFilesOf = async (
  { stores }: Descriptors,
  given: readonly string[],
): Promise<readonly (string | undefined)[]> =>
  given.length > 0
    ? given
    : (
        await Promise.all(
          stores.map(async (store) => {
            const files = await store.weightFiles();
            return store.nets.map(({ kind }, i) => (kind === undefined ? files[i] : undefined));
          }),
        )
      ).flat();

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
  const files = await weightFilesOf(descriptors, backbones);
  const extraction = relativeTo(folder, extractionOf(descriptors, files, norm));
  const paths: string[] = [];
  for (const { name, model } of outcomes) {
    const path = `models/${name.replaceAll(' ', '-')}.safetensors`;
    await saveModel(join(out, path), { ...model, extraction });
    paths.push(path);
  }
  return paths;
};
