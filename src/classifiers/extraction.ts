// How a model's descriptors were computed, stored in its file, so that new images are described in the same
// way.
import { existsSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { expected, option, UsageError, text } from '../errors.js';
import { sha256OfFile } from '../io/files.js';
import type { NetIdentity, Recipe } from '../features/store/recipe.js';

/** A net of an extraction, and the path of its weights, relative to the folder of the model's file. */
export interface ModelNet extends NetIdentity {
  readonly path?: string;
}

/** The descriptors that a model expects: those of each stack, concatenated. */
export interface Extraction {
  readonly stacks: readonly {
    readonly recipe: Recipe;
    readonly nets: readonly ModelNet[];
    readonly layer: string;
  }[];
  /** Descriptors are divided by their norm plus this. */
  readonly norm?: number;
}

/** The same with other paths of the nets' weights, if known. */
const withPaths = (extraction: Extraction, change: (path: string) => string): Extraction => ({
  ...extraction,
  stacks: extraction.stacks.map((stack) => ({
    ...stack,
    nets: stack.nets.map((net) => (net.path === undefined ? net : { ...net, path: change(net.path) })),
  })),
});

/** With paths relative to `folder`, as stored in a model's file. */
export const relativeTo = (folder: string, extraction: Extraction): Extraction =>
  withPaths(extraction, (path) => relative(resolve(folder), resolve(path)));

/** With absolute paths instead of those relative to `folder`. */
export const resolvedFrom = (folder: string, extraction: Extraction): Extraction =>
  withPaths(extraction, (path) => resolve(folder, path));

/**
 * The weight files of every stack's nets, found by checksum among `given`, else at the paths stored in the
 * model.
 *
 * @param modelFile path of the model
 * @param given weight files from the user
 * @param known finds a net that is at hand by its checksum, where it is not found otherwise
 * @throws UsageError naming the net that is missing, or a file that the model does not use
 */
export const weightFiles = async (
  { stacks }: Extraction,
  modelFile: string,
  given: readonly string[],
  known?: (sha256: string) => Promise<string | undefined>,
): Promise<string[][]> => {
  const imported = stacks.find(({ recipe }) => recipe.source)?.recipe.source;
  if (imported) {
    throw new UsageError(
      `${modelFile} was trained on imported descriptors (${imported.name}, from ${imported.file}): only the program that made them can describe new images. Import theirs, and evaluate those.`,
    );
  }
  const other = stacks.flatMap(({ nets }) => nets).find(({ kind }) => kind === 'onnx');
  if (other) {
    throw new UsageError(
      text`${modelFile} was trained on descriptors of ${other.config}, a net in ONNX: new images are described with the paper's nets only. Extract theirs with ${option('onnx')}, and evaluate those.`,
    );
  }
  const hashes = new Map<string, string>();
  for (const file of given) hashes.set(await sha256OfFile(file), file);
  const wanted = new Set(stacks.flatMap(({ nets }) => nets.map(({ sha256 }) => sha256)));
  const foreign = [...hashes].find(([hash]) => !wanted.has(hash));
  if (foreign) {
    throw expected(
      `weights that ${modelFile} was trained with`,
      option('backbone'),
      foreign[1],
      `Their SHA-256 is ${foreign[0].slice(0, 16)}….`,
    );
  }
  const find = async ({ sha256, config, path }: ModelNet): Promise<string> => {
    const file = hashes.get(sha256);
    if (file !== undefined) return file;
    const before = path === undefined ? undefined : resolve(dirname(modelFile), path);
    if (before !== undefined && existsSync(before) && (await sha256OfFile(before)) === sha256) return before;
    const atHand = await known?.(sha256);
    if (atHand !== undefined) return atHand;
    throw new UsageError(
      text`${modelFile} needs the weights of its net ${config} (SHA-256 ${sha256.slice(0, 16)}…), but ${before === undefined ? 'does not know where they are' : `${before} is missing or has changed`}. Give the file with ${option('backbone')}.`,
    );
  };
  const files: string[][] = [];
  for (const { nets } of stacks) {
    const own: string[] = [];
    for (const net of nets) own.push(await find(net));
    files.push(own);
  }
  return files;
};
