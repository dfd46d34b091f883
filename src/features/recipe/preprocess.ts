// How images become the input of a net of others, from the file that timm and transformers write beside it.
import { readFile } from 'node:fs/promises';
import { type UsageError, expected, messageOf, option } from '../../errors.js';
import type { Interpolation } from '../../interpolation.js';
import { openError, readReason } from '../../io/readable.js';
import type { Preprocess } from '../store/recipe.js';

/** A preprocessing, and the interpolation that it resizes with. */
export interface Preprocessing extends Preprocess {
  readonly interpolation: Interpolation;
  /** Smallest side that images are resized to. */
  readonly scale: number;
  /** Side of the crop from their centre; missing where they are squashed. */
  readonly crop?: number;
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** Presets by name; timm's is that of a net whose file says nothing. */
const presets: Readonly<Record<string, object>> = {
  torchvision: { ...IMAGENET, interpolation: 'bilinear', crop_pct: 0.875 },
  timm: { ...IMAGENET, interpolation: 'bicubic', crop_pct: 0.875 },
};

/** Interpolations by Pillow's code, as transformers writes them, and by timm's names. */
const interpolations: Readonly<Record<string | number, Interpolation>> = {
  ...{ 0: 'nearest', 1: 'lanczos3', 2: 'linear', 3: 'cubic' },
  ...{ nearest: 'nearest', lanczos: 'lanczos3', bilinear: 'linear', bicubic: 'cubic' },
};

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Reads fields of a file, and says which is at fault. */
class Config {
  readonly #path: string;
  readonly fields: Fields;

  constructor(path: string, fields: Fields) {
    this.#path = path;
    this.fields = fields;
  }

  wrong(what: string, name: string, advice?: string): UsageError {
    return expected(what, `${name} of ${this.#path}`, this.fields[name], advice);
  }

  /** Whether something is done; files leave out what is usual. */
  does(name: string, usual: boolean): boolean {
    const value = this.fields[name];
    if (value === undefined || value === null) return usual;
    if (typeof value !== 'boolean') throw this.wrong('true or false', name);
    return value;
  }

  number(name: string, usual: number): number {
    const value = this.fields[name] ?? usual;
    if (typeof value !== 'number' || !(value > 0)) throw this.wrong('a number above 0', name);
    return value;
  }

  three(name: string, usual: readonly number[]): [number, number, number] {
    const value = this.fields[name] ?? usual;
    const all = Array.isArray(value) && value.every((each) => typeof each === 'number');
    if (!all || value.length !== 3) throw this.wrong('three numbers, of red, green and blue', name);
    return value as [number, number, number];
  }

  interpolation(name: string, usual: string | number): Interpolation {
    const value = this.fields[name] ?? usual;
    const found = typeof value === 'string' || typeof value === 'number' ? interpolations[value] : undefined;
    if (!found) throw this.wrong('nearest, bilinear, bicubic or lanczos (of Pillow 0, 2, 3 or 1)', name);
    return found;
  }

  /** A size: a number, { height, width }, or { shortest_edge }. */
  size(name: string): { readonly short: number } | { readonly width: number; readonly height: number } {
    const value = this.fields[name];
    if (typeof value === 'number') return { short: value };
    const { shortest_edge: short, width, height } = isFields(value) ? value : {};
    if (typeof short === 'number') return { short };
    if (typeof width === 'number' && typeof height === 'number') return { width, height };
    throw this.wrong('a number, shortest_edge, or height and width', name);
  }

  square(name: string): number {
    const size = this.size(name);
    if ('short' in size) return size.short;
    if (size.width !== size.height) throw this.wrong('a square', name);
    return size.width;
  }
}

/** timm: resized by its share of the crop, and cropped from the centre. */
const fromTimm = (config: Config, side: number | undefined): Preprocessing => {
  const { input_size: input, crop_mode: mode } = config.fields;
  const given = Array.isArray(input) ? (input.at(-1) as number) : undefined;
  const crop = side ?? given ?? 224;
  if (mode !== undefined && mode !== 'center' && mode !== 'squash')
    throw config.wrong('center or squash', 'crop_mode');
  const scale = Math.floor(crop / config.number('crop_pct', 0.875));
  const squash = mode === 'squash' ? { squash: { width: scale, height: scale } } : {};
  return {
    interpolation: config.interpolation('interpolation', 'bicubic'),
    factor: 1 / 255,
    mean: config.three('mean', IMAGENET.mean),
    std: config.three('std', IMAGENET.std),
    order: 'rgb',
    offset: 'even',
    ...squash,
    scale,
    crop,
  };
};

/** transformers: preprocessor_config.json. */
const fromTransformers = (config: Config): Preprocessing => {
  for (const [name, advice] of [
    ['do_pad', 'Images are not padded here.'],
    ['do_thumbnail', 'Images are not made thumbnails of here.'],
  ] as const)
    if (config.does(name, false)) throw config.wrong('false', name, advice);
  if (!config.does('do_resize', true))
    throw config.wrong('true', 'do_resize', 'Images of any size are resized.');
  const normalises = config.does('do_normalize', true);
  const size = config.size('size');
  const short = 'short' in size ? size.short : undefined;
  // ConvNeXt's: below 384 a centre crop of a resized image, else squashed.
  const share = config.fields['crop_pct'] != null && short !== undefined;
  const crops = config.does('do_center_crop', share && short < 384);
  const squash =
    'short' in size
      ? (share ? short >= 384 : !crops && typeof config.fields['size'] === 'number') && {
          width: size.short,
          height: size.short,
        }
      : size;
  const common = {
    interpolation: config.interpolation('resample', 2),
    factor: config.does('do_rescale', true) ? config.number('rescale_factor', 1 / 255) : 1,
    mean: normalises ? config.three('image_mean', IMAGENET.mean) : ([0, 0, 0] as const),
    std: normalises ? config.three('image_std', IMAGENET.std) : ([1, 1, 1] as const),
    order: config.does('do_flip_channel_order', false) ? ('bgr' as const) : ('rgb' as const),
    offset: 'floor' as const,
  };
  const crop = !crops ? undefined : config.fields['crop_size'] == null ? short : config.square('crop_size');
  if (squash) {
    return {
      ...common,
      squash: { width: squash.width, height: squash.height },
      scale: Math.min(squash.width, squash.height),
      ...(crop !== undefined && { crop }),
    };
  }
  const scale = share ? Math.trunc(short / config.number('crop_pct', 1)) : short!;
  return { ...common, scale, ...(crop !== undefined && { crop }) };
};

/**
 * Reads a preprocessing.
 *
 * @param given `torchvision`, `timm`, or the path of a file: `preprocessor_config.json` of transformers, `config.json` of timm
 * @param side the side of the net's input, if it is fixed
 * @throws UsageError naming the file and the field at fault
 */
export const readPreprocess = async (given: string, side?: number): Promise<Preprocessing> => {
  const preset = Object.hasOwn(presets, given) ? presets[given] : undefined;
  if (preset) return fromTimm(new Config(given, preset as Fields), side);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(given, 'utf8'));
  } catch (error) {
    const reason = error instanceof SyntaxError ? `it is no JSON (${messageOf(error)})` : readReason(error);
    throw openError(given, { what: 'preprocessing', where: option('preprocess') }, reason);
  }
  if (!isFields(value)) throw expected('an object of JSON', given, value);
  const inner = isFields(value['pretrained_cfg']) ? value['pretrained_cfg'] : value;
  if ('input_size' in inner || 'interpolation' in inner) return fromTimm(new Config(given, inner), side);
  if ('size' in value) return fromTransformers(new Config(given, value));
  throw expected(
    'the fields of preprocessor_config.json (size, image_mean, …) or of timm (input_size, mean, …)',
    given,
    Object.keys(value),
  );
};
