// The descriptor recipe: completes, checks, names and hashes it.
import { type OptionName, expected, option } from '../../errors.js';
import { checkOptions } from '../../options.js';
import { defaultInterpolation } from '../../interpolation.js';
import { type Stored, fromStored, toStored } from '../../stored.js';
import { sha256 } from '../../io/files.js';
import type { NetIdentity, Recipe } from '../store/recipe.js';
import { type RecipeName, recipeNames, recipeOptions } from './options.js';

export type { NetIdentity, Recipe } from '../store/recipe.js';

/** A recipe as a user gives it: a name, single options, or both. Missing options take their defaults. Former names of options are read too. */
export type RecipeChoice = Partial<Recipe> &
  Partial<Pick<Stored<Recipe>, 'kernel' | 'normalize'>> & { readonly name?: RecipeName };

const defaults: Recipe = {
  layers: ['fc7'],
  scales: [256, 384, 512],
  aggregate: 'average',
  flip: true,
  descriptorNorm: 'l2',
  region: 'image',
  crops: 1,
  interpolation: defaultInterpolation,
  orient: false,
  precision: 'fp32',
  store: 'float32',
};

/** The paper's recipes, with scales for an input of 224 pixels. */
export const recipes = {
  default: {},
  /** VOC-2007 and 2012: five scales, averaged. */
  voc: { scales: [256, 384, 512, 640, 768] },
  /** Caltech-101 and 256: three scales, stacked. */
  caltech: { aggregate: 'stack' },
  /** VOC-2012 action: the whole image and the person's box, stacked. */
  action: { region: 'image+box' },
  /** The centre crop at one scale, a common baseline. */
  'center-crop': { scales: [256], region: 'crops', crops: 1, flip: false },
} as const satisfies Readonly<Record<RecipeName, Partial<Recipe>>>;

export type { RecipeName };

const REFERENCE_INPUT = 224;

/** Converts a scale from an input of 224 pixels to another input size: 256 becomes 73 for 64 pixels. */
export const scaleFor = (inputSize: number, scale: number): number =>
  Math.round((scale * inputSize) / REFERENCE_INPUT);

const wholeAbove = (least: number, what: OptionName, value: number, advice?: string): number => {
  if (!Number.isInteger(value) || value < least)
    throw expected(`a whole number of at least ${least}`, what, value, advice);
  return value;
};

const { aggregate, flip, descriptorNorm, region, interpolation, orient, precision, store, resampling } =
  recipeOptions;
const choices = {
  resampling,
  aggregate,
  flip,
  descriptorNorm,
  region,
  interpolation,
  orient,
  precision,
  store,
};

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** Layers that need an image of at least the input size. */
const isFullyConnected = (layer: string): boolean => /^fc\d/.test(layer);

/**
 * Completes and checks a recipe. Missing scales are those of the named (or default) recipe, relative to the
 * net's input size.
 *
 * @param inputSize input side of the net in pixels (the largest of stacked nets)
 * @param interpolation default if `choice` names none: that of the nets' training
 * @throws UsageError naming the invalid option, such as a scale below the net's input size
 */
export const resolveRecipe = (
  choice: RecipeChoice,
  inputSize: number,
  interpolation = defaultInterpolation,
): Recipe => {
  const { name = 'default', ...given } = fromStored<RecipeChoice>(choice);
  if (!Object.hasOwn(recipes, name))
    throw expected(`one of ${recipeNames.join(', ')}`, option('recipe'), name);
  const named: Partial<Recipe> = recipes[name];
  const merged: Recipe = { ...defaults, interpolation, ...named, ...given };
  const scales = given.scales ?? merged.scales.map((scale) => scaleFor(inputSize, scale));
  const least = merged.layers.some(isFullyConnected) || merged.region === 'crops' ? inputSize : 1;
  const advice = `The fully-connected layers need at least the net's input size, ${inputSize} pixels.`;
  checkOptions(choices, { ...merged });
  if (scales.length === 0) throw expected('at least one scale', option('scales'), 'none');
  if (merged.layers.length === 0) throw expected('at least one layer', option('layer'), 'none');
  // The order of keys is the canonical form that is hashed.
  return {
    layers: unique(merged.layers),
    scales: unique(scales)
      .map((scale) => wholeAbove(least, option('scales'), scale, least > 1 ? advice : undefined))
      .sort((a, b) => a - b),
    aggregate: merged.aggregate,
    flip: merged.flip,
    descriptorNorm: merged.descriptorNorm,
    region: merged.region,
    crops: merged.region === 'crops' ? wholeAbove(1, option('crops'), merged.crops) : 1,
    ...(merged.maxSide === undefined
      ? {}
      : { maxSide: wholeAbove(Math.max(inputSize, ...scales), option('maxSide'), merged.maxSide) }),
    interpolation: merged.interpolation,
    orient: merged.orient,
    precision: merged.precision,
    store: merged.store,
    ...(merged.resampling === 'pillow' && { resampling: 'pillow' as const }),
  };
};

/** The hash that identifies descriptors: the first 16 hex digits of a SHA-256 over recipe and weights. */
export const recipeHash = (recipe: Recipe, nets: readonly NetIdentity[]): string =>
  sha256(
    JSON.stringify({
      format: 1,
      recipe: toStored(recipe),
      nets: nets.map((net) => [net.sha256, net.quantised ?? null]),
    }),
  ).slice(0, 16);

/** Regions that a recipe describes, in stacking order. */
export const regionsOf = (recipe: Recipe): readonly ('image' | 'box' | 'crops')[] =>
  recipe.region === 'image+box' ? ['image', 'box'] : [recipe.region];

/** Length of a recipe's descriptor for a layer of `channels` channels in one net. */
export const descriptorLength = (recipe: Recipe, channels: number): number =>
  channels * regionsOf(recipe).length * (recipe.aggregate === 'stack' ? recipe.scales.length : 1);

const aligned = (lines: readonly (readonly [label: string, text: string])[]): string => {
  const width = Math.max(...lines.map(([label]) => label.length));
  return lines.map(([label, text]) => `${label.padEnd(width)}  ${text}`).join('\n');
};

const describePreprocess = (
  { factor, mean, std, order, squash }: NonNullable<Recipe['preprocess']>,
  pooling: Recipe['pooling'],
): (readonly [label: string, text: string])[] => {
  const three = (values: readonly number[]): string => values.map((x) => Number(x.toPrecision(4))).join(', ');
  return [
    ['input', `${order.toUpperCase()} × ${factor.toPrecision(4)}, mean ${three(mean)}, std ${three(std)}`],
    ...(squash ? [['squashed to', `${squash.width} × ${squash.height} pixels`] as const] : []),
    ['maps, tokens', { average: 'averaged', max: 'maximum', first: 'the first' }[pooling ?? 'average']],
  ];
};

/** A recipe in words, one line per part. */
export const describeRecipe = (recipe: Recipe): string => {
  const { source } = recipe;
  if (source) {
    return aligned([
      ['imported', `${source.name}, from ${source.file} (${source.format}, ${source.column})`],
      ['layers', recipe.layers.join(', ')],
      ['normalisation', recipe.descriptorNorm === 'l2' ? 'L2, on import' : 'as in the file'],
      ['precision', `stored as ${recipe.store}`],
    ]);
  }
  return aligned([
    ['layers', recipe.layers.join(', ')],
    [
      'scales',
      `${recipe.scales.join(', ')} pixels on the smallest side, ${recipe.interpolation}${recipe.resampling === 'pillow' ? ' as Pillow resizes' : ''}`,
    ],
    ['scales joined by', recipe.aggregate],
    ['mirrored image', recipe.flip ? 'averaged in' : 'left out'],
    [
      'normalisation',
      { l2: 'L2, once at the end', 'per-scale': 'L2, each scale and at the end', none: 'none' }[
        recipe.descriptorNorm
      ],
    ],
    [
      'region',
      recipe.region === 'crops'
        ? recipe.crops === 1
          ? 'centre crop'
          : `${recipe.crops} × ${recipe.crops} crops, averaged`
        : recipe.region,
    ],
    ['EXIF orientation', recipe.orient ? 'applied' : 'ignored'],
    ['precision', `${recipe.precision}, stored as ${recipe.store}`],
    ...(recipe.preprocess ? describePreprocess(recipe.preprocess, recipe.pooling) : []),
  ]);
};
