// Models on disk: safetensors with the weights; everything else is JSON in its metadata.
import { type OptionName, UsageError, expected, messageOf, text as message } from '../errors.js';
import { kindOf } from '../io/file-kinds.js';
import { openSafetensors, writeSafetensors } from '../formats/safetensors.js';
import { type Stored, fromStored, toStored } from '../stored.js';
import type { Extraction } from './extraction.js';
import type { LinearModel } from './model.js';

/** Models in a folder of results. */
export const MODELS = ['models/*.safetensors', '*.safetensors'];

const FORMAT = 1;
const KEY = 'verydeep-svm';
const ADVICE = 'Give a model that `verydeep evaluate` or LinearSvm saved.';

/** A model without its weights. */
type Description = Omit<LinearModel, 'weights' | 'biases' | 'voters'> & {
  /** Of nearest neighbours. */
  readonly temperature?: number;
};

type ModelRecipe = Extraction['stacks'][number]['recipe'];

/** The description with the recipe of each stack of descriptors mapped by `convert`. */
const withRecipes = (
  description: Description,
  convert: (recipe: ModelRecipe) => ModelRecipe | Stored<ModelRecipe>,
) => {
  const { extraction } = description;
  if (!extraction) return description;
  const stacks = extraction.stacks.map((stack) => ({ ...stack, recipe: convert(stack.recipe) }));
  return { ...description, extraction: { ...extraction, stacks } };
};

/**
 * Writes a model: tensors `weight` [classes, columns] and `bias` [classes], of nearest neighbours `weight` [rows, columns] and
 * `label` [rows, classes], the rest in the metadata. The same model
 * gives the same bytes.
 *
 * @throws VerydeepError naming `path` when it cannot be written
 */
export const saveModel = async (path: string, model: LinearModel): Promise<void> => {
  const { weights, biases, voters, ...others } = model;
  const description = voters ? { ...others, temperature: voters.temperature } : others;
  const stored = { format: FORMAT, ...withRecipes(description, toStored) };
  await writeSafetensors(path, { [KEY]: JSON.stringify(stored) }, [
    { name: 'weight', shape: [weights.rows, weights.columns], data: weights.data },
    voters
      ? { name: 'label', shape: [weights.rows, model.classes.length], data: voters.labels }
      : { name: 'bias', shape: [biases.length], data: biases },
  ]);
};

const describe = (
  path: string,
  metadata: Readonly<Record<string, string>>,
  where: OptionName | undefined,
): Description => {
  const text = metadata[KEY];
  if (text === undefined) {
    const kind = kindOf(metadata);
    if (kind) {
      const at = where ? message`${path} given for ${where}` : path;
      throw expected('a model of linear SVMs', at, kind.is, message`${kind.advice} ${ADVICE}`);
    }
    throw new UsageError(
      `Expected a model of linear SVMs in ${path} but its metadata has no ${KEY}. ${ADVICE}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw expected('JSON', `${KEY} in the metadata of ${path}`, messageOf(error));
  }
  const { format, ...description } = value as Description & { format: number };
  if (format !== FORMAT) throw expected(`format ${FORMAT}`, path, format, 'Use the version that wrote it.');
  const { classes } = description as { classes: unknown };
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string')) {
    throw expected('a list of class names', path, classes);
  }
  return withRecipes(description, fromStored<ModelRecipe>) as Description;
};

/**
 * Reads a model that {@link saveModel} wrote.
 *
 * @param where the option that named the file, for messages
 * @throws UsageError naming `path`: not safetensors, cut short, not a model, shapes that do not match its classes
 */
export const loadModel = async (path: string, where?: OptionName): Promise<LinearModel> => {
  const file = await openSafetensors(path, {
    what: 'model',
    inside: MODELS,
    advice: ADVICE,
    ...(where && { where }),
  });
  try {
    const description = describe(path, file.metadata, where);
    const count = description.classes.length;
    const weight = file.tensors.get('weight');
    const [rows, columns = 0] = weight?.shape ?? [];
    if (description.classifier === 'knn') {
      const { temperature = NaN, ...others } = description;
      const label = file.tensors.get('label');
      if (label?.dtype !== 'I8' || label.shape[0] !== rows || label.shape[1] !== count) {
        throw expected(`a tensor label of ${rows} x ${count} numbers of type I8`, path, label?.shape);
      }
      const bytes = await file.readBytes('label');
      return {
        ...others,
        weights: { rows: rows ?? 0, columns, data: await file.read('weight') },
        biases: new Float32Array(0),
        voters: { labels: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length), temperature },
      };
    }
    if (rows !== count) throw expected(`a tensor weight of ${count} rows`, path, weight?.shape);
    const bias = file.tensors.get('bias');
    if (bias?.shape[0] !== count) throw expected(`a tensor bias of ${count} numbers`, path, bias?.shape);
    return {
      ...description,
      weights: { rows: count, columns, data: await file.read('weight') },
      biases: await file.read('bias'),
    };
  } finally {
    await file.close();
  }
};
