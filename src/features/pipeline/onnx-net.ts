// A net of others in ONNX: what its input and outputs are, and the recipe and plan of an extraction with it.
import { readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { usableCores } from '../../cores.js';
import { Session, type ValueInfo } from '../../engine/session.js';
import { UsageError, VerydeepError, expected, messageOf, option, text } from '../../errors.js';
import { requireFile } from '../../io/readable.js';
import { sha256, sha256OfFile } from '../../io/files.js';
import { type Preprocessing, readPreprocess } from '../recipe/preprocess.js';
import {
  type NetIdentity,
  type Recipe,
  type RecipeChoice,
  descriptorLength,
  recipeHash,
  resolveRecipe,
} from '../recipe/recipe.js';
import type { Pooling, Preprocess } from '../store/recipe.js';
import type { Machinery, Plan } from './plan.js';
import { type ForeignSpec, foreignRunner } from './onnx-runner.js';

/** What an extraction with a net in ONNX is given. */
export interface OnnxChoice {
  /** The model's file. */
  readonly model: string;
  /** `torchvision`, `timm`, or the path of the file that timm or transformers wrote. */
  readonly preprocess: string;
  readonly pooling?: Pooling | undefined;
}

/** An opened net. */
export interface OnnxNet {
  readonly path: string;
  readonly identity: NetIdentity;
  readonly spec: Omit<ForeignSpec, 'outputs' | 'options' | 'flip' | 'pooling' | 'preprocess'>;
  readonly outputs: readonly ValueInfo[];
  /** The input's sides, if they are fixed. */
  readonly fixed?: { readonly width: number; readonly height: number };
}

const shown = ({ name, type, dims }: ValueInfo): string => `${name} ${type} [${dims.join(', ')}]`;

/** The layout of an image input; undefined if it is none. */
const layoutOf = ({ dims }: ValueInfo): 'nchw' | 'nhwc' | undefined => {
  if (dims.length !== 4) return undefined;
  if (dims[1] === 3) return 'nchw';
  return dims[3] === 3 ? 'nhwc' : undefined;
};

const IMAGE = 'one image input of three channels, [batch, 3, height, width] or [batch, height, width, 3]';

/** Names of files in the model's folder that it keeps weights in: its bytes hold them. */
const externalFiles = async (path: string, model: Buffer): Promise<string[]> => {
  const names = (await readdir(dirname(path))).filter((name) => name !== basename(path) && name.length > 3);
  return names.filter((name) => model.includes(name)).map((name) => join(dirname(path), name));
};

/**
 * Opens a model.
 *
 * @throws UsageError naming the file, and the operator, input or type that does not fit
 */
const openOnnxNet = async (path: string): Promise<OnnxNet> => {
  requireFile(path, { what: 'ONNX model', where: option('onnx') });
  const model = await readFile(path);
  const folder = dirname(path);
  let session: Session;
  try {
    session = Session.create(model, { threads: 1, externalDataFolder: folder, optimization: 'none' });
  } catch (error) {
    throw new UsageError(
      text`ONNX Runtime cannot load the model ${path} given for ${option('onnx')}: ${messageOf(error)}`,
    );
  }
  try {
    const { inputs, outputs } = session;
    const [input, ...others] = inputs;
    const layout = input && layoutOf(input);
    if (!input || others.length > 0 || layout === undefined)
      throw expected(IMAGE, text`${path} given for ${option('onnx')}`, inputs.map(shown));
    const type = (['float32', 'float16', 'uint8'] as const).find((each) => each === input.type);
    if (!type) throw expected('an input of float32, float16 or uint8', path, shown(input));
    const [height, width] = layout === 'nchw' ? input.dims.slice(2) : input.dims.slice(1, 3);
    if (typeof height !== typeof width)
      throw expected('an input with both sides fixed, or none', path, shown(input));
    if (typeof input.dims[0] === 'number' && input.dims[0] !== 1)
      throw expected('a batch of 1, or of any size', path, shown(input), 'Export it with a dynamic batch.');
    const external = await externalFiles(path, model);
    const hashes = [sha256(model), ...(await Promise.all(external.map(sha256OfFile)))];
    return {
      path,
      identity: {
        sha256: external.length === 0 ? hashes[0]! : sha256(hashes.join(' ')),
        config: basename(path),
        kind: 'onnx',
      },
      spec: { kind: 'foreign', model, externalDataFolder: folder, input: { name: input.name, layout, type } },
      outputs,
      ...(typeof width === 'number' && typeof height === 'number' && { fixed: { width, height } }),
    };
  } finally {
    session.close();
  }
};

/** The outputs of the descriptor. @throws UsageError listing those there are, if none of several is named */
const outputsOf = ({ path, outputs }: OnnxNet, layers: readonly string[] | undefined): readonly string[] => {
  const names = outputs.map(({ name }) => name);
  const listed = outputs.map(shown).join('; ');
  if (layers) {
    const unknown = layers.find((layer) => !names.includes(layer));
    if (unknown !== undefined) throw expected(`one of ${listed}`, option('layer'), unknown);
    return layers;
  }
  if (names.length > 1)
    throw new UsageError(text`${path} has several outputs: ${listed}. Name one with ${option('layer')}.`);
  return names;
};

/** What a fixed input forbids. @throws UsageError */
const squashed = (
  { fixed, path }: OnnxNet,
  recipe: Recipe,
  given: Preprocessing,
  choice: RecipeChoice,
): Preprocess['squash'] => {
  if (recipe.region === 'crops') {
    if (fixed && fixed.width !== fixed.height)
      throw expected(
        'a square input for crops',
        path,
        `${fixed.width} × ${fixed.height}`,
        'Its file must squash images.',
      );
    return given.crop === undefined ? undefined : given.squash;
  }
  if (!fixed) return choice.region === undefined ? given.squash : undefined;
  const side = Math.min(fixed.width, fixed.height);
  if (choice.scales && (choice.scales.length > 1 || choice.scales[0] !== side)) {
    throw new UsageError(
      text`The input of ${path} is fixed to ${fixed.width} × ${fixed.height} pixels: ${option('region')} ${recipe.region} is squashed to it, and ${option('scales')} ${choice.scales.join(',')} cannot be had. Give ${option('region')} crops, or export the net with dynamic sides.`,
    );
  }
  return fixed;
};

/** An opened net, with the completed recipe. */
export interface OpenedOnnx {
  readonly net: OnnxNet;
  readonly recipe: Recipe;
  /** Side of crops in pixels. */
  readonly inputSize: number;
}

/**
 * Completes a recipe: scales, crop and interpolation are those of the preprocessing unless others are given.
 *
 * @throws UsageError for an output that is not there, and what a fixed input forbids
 */
export const openOnnx = async (given: OnnxChoice, choice: RecipeChoice): Promise<OpenedOnnx> => {
  const net = await openOnnxNet(given.model);
  const { fixed } = net;
  const preprocessing = await readPreprocess(given.preprocess, fixed && Math.min(fixed.width, fixed.height));
  const { interpolation, scale, crop, factor, mean, std, order, offset } = preprocessing;
  const preprocess = { factor, mean, std, order, offset };
  const inputSize = fixed ? Math.min(fixed.width, fixed.height) : (crop ?? scale);
  const isSquashed = preprocessing.squash !== undefined && crop === undefined;
  if (fixed && choice.region === undefined && !isSquashed && (crop ?? scale) !== inputSize) {
    throw expected(
      `a crop of ${inputSize} pixels, the input of ${given.model}`,
      option('preprocess'),
      crop ?? scale,
      'Give the file of this net.',
    );
  }
  if (choice.precision === 'int8')
    throw new UsageError(text`${option('precision')} int8 is for the paper's nets: leave it out.`);
  const layers = outputsOf(net, choice.layers);
  const region = choice.region ?? (crop === undefined ? 'image' : 'crops');
  const usual =
    region === 'crops' || !fixed ? [Math.max(scale, region === 'crops' ? inputSize : 1)] : [inputSize];
  const resolved = resolveRecipe(
    {
      ...choice,
      layers,
      region,
      ...(choice.scales === undefined && choice.name === undefined && { scales: usual }),
    },
    inputSize,
    interpolation,
  );
  const squash = squashed(net, resolved, preprocessing, choice);
  const recipe: Recipe = {
    ...resolved,
    preprocess: { ...preprocess, ...(squash && { squash }) },
    pooling: given.pooling ?? 'average',
  };
  return { net, recipe, inputSize };
};

/** Lengths of the outputs, from a run on a black image. @throws UsageError if it fails, or an output is no vector or map */
const lengthsOf = async (
  { path, fixed }: OnnxNet,
  spec: ForeignSpec,
  recipe: Recipe,
  inputSize: number,
): Promise<number[]> => {
  const { squash } = recipe.preprocess!;
  const { width, height } = fixed ?? squash ?? { width: inputSize, height: inputSize };
  const runner = foreignRunner(spec);
  try {
    const found = await runner.run({ width, height, data: new Uint8Array(3 * width * height) });
    return found.map(({ length }) => length);
  } catch (error) {
    if (!(error instanceof VerydeepError)) throw error;
    throw new UsageError(
      text`${path} cannot describe an image of ${width} × ${height} pixels: ${messageOf(error)}`,
    );
  } finally {
    runner.close();
  }
};

/** Plans an extraction. @throws UsageError for an engine or number of workers that it cannot have */
export const planOnnx = async (
  { net, recipe, inputSize }: OpenedOnnx,
  { engine = 'auto', provider = 'cpu', threads = usableCores(), workers = 1, gpu }: Machinery,
): Promise<Plan> => {
  if (engine !== 'auto' && engine !== 'onnxruntime')
    throw new UsageError(
      text`${option('onnx')} needs ONNX Runtime: leave out ${option('engine')} ${engine}.`,
    );
  const spec: ForeignSpec = {
    ...net.spec,
    outputs: recipe.layers,
    flip: recipe.flip,
    pooling: recipe.pooling!,
    preprocess: recipe.preprocess!,
    options: {
      threads: Math.max(1, threads - workers + 1),
      provider,
      ...(gpu === undefined ? {} : { gpu }),
    },
  };
  const lengths = await lengthsOf(net, spec, recipe, inputSize);
  const nets = [net.identity];
  return {
    recipe,
    nets,
    hash: recipeHash(recipe, nets),
    engine: `onnxruntime ${provider}`,
    specs: [spec],
    threads,
    workers,
    inputSize,
    lengths: Object.fromEntries(
      recipe.layers.map((layer, i) => [layer, descriptorLength(recipe, lengths[i]!)]),
    ),
  };
};
