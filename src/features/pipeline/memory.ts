// The memory of an extraction, reckoned from the nets and the largest image expected, before anything is loaded. Checked against
// measured runs by `npm run bench -- memory`.
import { type Architecture, type Layer, lastMapSide } from '../../backbone/nets/architecture.js';
import { interpret } from '../../backbone/nets/interpret.js';
import { sizeOf } from '../../images/size.js';
import type { ByteSource, BytesInMemory } from '../../images/source.js';
import type { Need } from '../../memory.js';
import type { Recipe } from '../recipe/recipe.js';
import { MAX_VIEW_PIXELS } from '../recipe/views.js';

/** A net, and the layers of it that are computed. */
export interface ComputedNet {
  readonly architecture: Architecture;
  readonly layers: readonly Layer[];
}

/** What the memory of an extraction depends on. */
export interface ExtractionSize {
  readonly nets: readonly ComputedNet[];
  readonly precision: Recipe['precision'];
  /** Whether the mirrored image is in the net too. */
  readonly flip: boolean;
  /** Images in the net at once. */
  readonly workers: number;
  /** Pixels of the largest input of the nets. */
  readonly viewPixels: number;
  /** Bytes of an image in memory: decoded, and at every scale. */
  readonly imageBytes: number;
}

const MB = 1e6;

/** Node, ONNX Runtime and sharp; and each worker thread. */
const RUNTIME = 140 * MB;
const WORKER = 16 * MB;

/** Bytes of a number in memory, a weight or an activation. */
const bytesOf = { fp32: 4, int8: 1 } as const;

/** ONNX Runtime has a kernel as it is read, and in its own order. */
const KERNEL_COPIES = 2;
/** What blocks of memory hold beyond the maps in them. */
const loose = { fp32: 1.25, int8: 1.1 } as const;
/** Bytes for each position with which ONNX Runtime computes a convolution of 8-bit maps, at least. */
const INT8_CONVOLUTION = 130;
/** What int8 takes besides: a second kind of kernels, its check of the calibration. */
const INT8_RUNTIME = 30 * MB;
/** Numbers for each pixel of the input: its channels as they are read, in float32, normalised. */
const PER_PIXEL = 4;
/** Local response normalisation holds maps of sums besides its input and its output. */
const LRN_SUMS = 1.25;

/** The maps of an image on their way through the net. */
interface Maps {
  readonly channels: number;
  /** Share of the input's pixels. */
  readonly share: number;
}

/** The most bytes for each pixel of the input that are in memory at once: a layer's input and its output. */
const mostBytes = ({ layers }: ComputedNet, precision: Recipe['precision']): number => {
  const bytes = loose[precision] * bytesOf[precision];
  let most = 0;
  const step = ({ channels, share }: Maps, next: Maps, besides = 0): Maps => {
    most = Math.max(most, bytes * (channels * share + next.channels * next.share) + besides * next.share);
    return next;
  };
  interpret<Maps>(
    layers.filter(({ kind }) => kind !== 'dense'),
    {
      conv: (maps, { inputs, outputs }) => {
        if (precision === 'int8' && inputs > 3) most = Math.max(most, INT8_CONVOLUTION * maps.share);
        return step(maps, { ...maps, channels: outputs });
      },
      // In float32 with both precisions.
      lrn: (maps) => step(maps, maps, 4 * LRN_SUMS * maps.channels),
      pool: (maps) => step(maps, { ...maps, share: maps.share / 4 }),
      relu: (maps) => maps,
      dense: (maps) => maps,
    },
    { channels: 3, share: 1 },
  );
  return most;
};

/** Bytes with which the nets compute an input of so many pixels. */
export const activationBytes = (
  { nets, precision, flip }: Pick<ExtractionSize, 'nets' | 'precision' | 'flip'>,
  pixels: number,
): number => {
  const images = flip ? 2 : 1;
  const each = nets.map((net) => {
    const fc6 = net.layers.find(({ name }) => name === 'fc6');
    const { architecture } = net;
    // fc6 is a convolution over the last map: a column of its inputs for each position.
    const columns =
      fc6?.kind === 'dense'
        ? (bytesOf[precision] * fc6.inputs * fc6.kernel ** 2 * pixels) /
          (architecture.inputSize / lastMapSide(architecture)) ** 2
        : 0;
    const pixelBytes = PER_PIXEL * bytesOf[precision] * pixels;
    return images * (Math.max(mostBytes(net, precision) * pixels, columns) + pixelBytes);
  });
  return Math.max(0, ...each);
};

/** Bytes of the nets' weights in memory: kernels of convolutions are reordered, matrices stay in the file. */
const weightBytes = ({ nets, precision }: Pick<ExtractionSize, 'nets' | 'precision'>): number =>
  nets
    .flatMap(({ layers }) => layers)
    .reduce((sum, layer) => {
      if (layer.kind !== 'conv' && layer.kind !== 'dense') return sum;
      const numbers = layer.inputs * layer.outputs * layer.kernel ** 2;
      return sum + bytesOf[precision] * numbers * (layer.kind === 'conv' ? KERNEL_COPIES : 1);
    }, 0);

/** Images in memory beside those in the nets. */
const AHEAD = 3;

/** The memory that an extraction needs at its peak, by use. */
export const extractionNeeds = (size: ExtractionSize): Need[] => {
  const { workers, viewPixels, imageBytes } = size;
  return [
    ['weights', weightBytes(size)],
    ['activations', workers * activationBytes(size, viewPixels)],
    ['decoded images', (2 * workers + AHEAD) * imageBytes],
    [
      'the program and its threads',
      RUNTIME + workers * WORKER + (size.precision === 'int8' ? INT8_RUNTIME : 0),
    ],
  ];
};

/** The outputs of layers that calibration looks at, as numbers for each pixel of the input. */
const observedNumbers = ({ layers }: ComputedNet): number => {
  let sum = 0;
  let [share, channels] = [1, 3];
  for (const [i, layer] of layers.entries()) {
    if (layer.kind === 'pool') share /= 4;
    if (layer.kind === 'conv') channels = layer.outputs;
    // Before a max-pool, its output is looked at instead.
    if (layer.kind !== 'dense' && layers[i + 1]?.kind !== 'pool') sum += channels * share;
  }
  return sum;
};

/** The memory of calibrating int8 on the views of so many images: the nets in fp32, and the outputs of layers twice. */
export const calibrationNeeds = (size: ExtractionSize, images: number): Need[] => {
  const fp32 = { ...size, precision: 'fp32', flip: false } as const;
  const observed = Math.max(0, ...size.nets.map(observedNumbers));
  return [
    ['weights', weightBytes(fp32)],
    ['activations', activationBytes(fp32, size.viewPixels) + 2 * 4 * observed * size.viewPixels],
    ['decoded images', images * size.imageBytes],
    ['the program and its threads', RUNTIME],
  ];
};

/** The sides of an image, the longer one relative to the shorter one. */
export interface ExpectedImage {
  readonly aspect: number;
  readonly pixels: number;
}

/** Pixels of each view of an image. */
const viewsOf = (recipe: Recipe, inputSize: number, aspect: number): number[] =>
  recipe.scales.flatMap((q) =>
    recipe.region === 'crops'
      ? new Array<number>(recipe.crops ** 2).fill(inputSize ** 2)
      : [Math.min(MAX_VIEW_PIXELS, q * Math.min(q * aspect, recipe.maxSide ?? Infinity))],
  );

/** The largest view of an image, and the bytes that the image takes decoded and at every scale. */
export const expectedViews = (
  recipe: Recipe,
  inputSize: number,
  { aspect, pixels }: ExpectedImage,
): Pick<ExtractionSize, 'viewPixels' | 'imageBytes'> => {
  const views = viewsOf(recipe, inputSize, aspect);
  const regions = recipe.region === 'image+box' ? 2 : 1;
  // Memory for views comes in powers of two.
  const bytes = views.map((each) => 2 ** Math.ceil(Math.log2(3 * each)));
  return {
    viewPixels: Math.max(...views),
    imageBytes: 3 * pixels + regions * bytes.reduce((sum, each) => sum + each, 0),
  };
};

/** Images whose headers are read, evenly spread over all. */
const SAMPLE = 32;
/** Longer photographs are rare: a longer image that comes is looked at when it comes. */
const LEAST_ASPECT = 1.5;

/** Where a picture comes from, and the box of it that is described. */
export interface ExpectedPicture {
  readonly source: ByteSource | BytesInMemory;
  readonly box?: { readonly width: number; readonly height: number };
}

/**
 * What images to expect: the most elongated one and the largest one of a sample of their headers.
 *
 * @param boxed whether boxes of the images are described
 */
export const expectedImage = async (
  pictures: readonly ExpectedPicture[],
  boxed: boolean,
): Promise<ExpectedImage> => {
  const count = Math.min(SAMPLE, pictures.length);
  const sample = Array.from(
    { length: count },
    (_, i) => pictures[Math.floor((i * pictures.length) / count)]!,
  );
  const sizes = (await Promise.all(sample.map(({ source }) => sizeOf(source)))).flatMap((size) => size ?? []);
  return {
    aspect: Math.max(
      LEAST_ASPECT,
      ...[...sizes, ...(boxed ? sample.flatMap(({ box }) => box ?? []) : [])].map(
        ({ width, height }) => Math.max(width, height) / Math.max(1, Math.min(width, height)),
      ),
    ),
    pixels: Math.max(0, ...sizes.map(({ width, height }) => width * height)),
  };
};
