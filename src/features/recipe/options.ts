// Options of the descriptor recipe: layers, scales, aggregation, region, interpolation, precision.
import { option, text } from '../../errors.js';
import { interpolations } from '../../interpolation.js';
import { type OptionTable, kinds } from '../../options.js';

/** The paper's recipes, by name. */
export const recipeNames = ['default', 'voc', 'caltech', 'action', 'center-crop'] as const;
export type RecipeName = (typeof recipeNames)[number];

export const recipeOptions = {
  recipe: {
    kind: kinds.choice(recipeNames),
    help: 'recipe of the paper; the options below override it',
    otherwise: 'default',
  },
  layer: {
    kind: kinds.text('name'),
    help: 'layer of the descriptor; separate several by commas',
    otherwise: 'fc7',
    paper: 'fc7',
  },
  scales: {
    kind: kinds.list(kinds.whole()),
    help: 'smallest image sides Q in pixels, e.g. 256,384,512',
    otherwise: "the recipe's, in proportion to the net's input",
    paper: '256,384,512; VOC 256,384,512,640,768',
  },
  aggregate: {
    kind: kinds.choice(['average', 'stack', 'max'], 'how'),
    help: 'how scales are joined',
    otherwise: "the recipe's",
    paper: 'average; Caltech stack',
  },
  flip: {
    kind: kinds.flag(),
    help: 'do not average in the mirrored image',
    default: true,
    paper: 'averaged in',
  },
  descriptorNorm: {
    kind: kinds.choice(['l2', 'per-scale', 'none'], 'how'),
    help: 'L2-normalise once at the end, also at each scale, or not at all',
    otherwise: 'l2',
    paper: 'l2',
    formerly: ['normalize'],
  },
  region: {
    kind: kinds.choice(['image', 'box', 'image+box', 'crops'], 'what'),
    help: "describe the whole image, the item's box, both (stacked), or a grid of crops",
    otherwise: "the recipe's",
    paper: 'image; actions image+box',
  },
  crops: {
    kind: kinds.whole(),
    help: text`side of the grid of ${option('region')} crops; 1 is the centre crop`,
    otherwise: '1',
  },
  interpolation: {
    kind: kinds.choice(interpolations),
    help: 'interpolation for resizing',
    otherwise: "the net's own if its file names one, else lanczos3",
    formerly: ['kernel'],
  },
  resampling: {
    kind: kinds.choice(['libvips', 'pillow'], 'how'),
    help: 'resize as libvips does, or to the bit as Pillow, for a model that is exported to one ONNX file',
    otherwise: 'libvips; of nets in ONNX pillow',
  },
  orient: { kind: kinds.flag(), help: 'apply the EXIF orientation' },
  precision: {
    kind: kinds.choice(['fp32', 'int8'], 'type'),
    help: 'arithmetic of extraction',
    default: 'fp32',
    paper: 'fp32',
  },
  store: {
    kind: kinds.choice(['float32', 'float16'], 'type'),
    help: 'number type of the store',
    otherwise: 'float32',
  },
} as const satisfies OptionTable;
