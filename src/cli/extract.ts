// `verydeep extract`: descriptors of a data set's images, on disk.
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { UsageError, option } from '../errors.js';
import type { Extracted } from '../features/pipeline/extract.js';
import type { RecipeChoice, RecipeName } from '../features/recipe/recipe.js';
import { type Interpolation, interpolations } from '../interpolation.js';
import { type CsvFlags, csvFlags, csvOf, integer, shared } from './options.js';
import { interruptible } from './interruptible.js';
import { note, progressBar, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';

/** The options as commander gives them. */
interface ExtractFlags extends CsvFlags {
  data?: string;
  backbone?: string[];
  out?: string;
  split?: string;
  recipe?: RecipeName;
  layer: string;
  scales?: number[];
  aggregate?: 'average' | 'stack' | 'max';
  flip: boolean;
  normalize?: 'l2' | 'per-scale' | 'none';
  region?: 'image' | 'box' | 'image+box' | 'crops';
  crops?: number;
  kernel?: Interpolation;
  orient?: boolean;
  precision: 'fp32' | 'int8';
  calibration?: string;
  calibrationImages: number;
  force?: boolean;
  store?: 'float32' | 'float16';
  maxPixels?: number;
  engine: 'auto' | 'onnxruntime' | 'tensorflow';
  provider: 'cpu' | 'webgpu' | 'cuda';
  gpu?: number;
  threads: number;
  workers?: number;
  shard?: { index: number; count: number };
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
  quiet?: boolean;
}

const options = (): Option[] => [
  shared.data(),
  shared.split(),
  shared.backbone(),
  shared.out(),
  new Option('--recipe <name>', 'a recipe of the paper; single options below change it').choices([
    'default',
    'voc',
    'caltech',
    'action',
    'center-crop',
  ]),
  shared.layer(),
  shared.scales(),
  shared.aggregate(),
  shared.noFlip(),
  new Option('--normalize <how>', 'L2 once at the end, at each scale as well, or not at all').choices([
    'l2',
    'per-scale',
    'none',
  ]),
  new Option('--region <what>', "the whole image, the item's box, both stacked, or a grid of crops").choices([
    'image',
    'box',
    'image+box',
    'crops',
  ]),
  new Option('--crops <n>', 'side of the grid of --region crops; 1 is the centre crop').argParser(
    (text: string) => integer(text, '--crops'),
  ),
  new Option(
    '--kernel <name>',
    "resampling kernel (default: that of the net's training where its file names it, else lanczos3)",
  ).choices(interpolations),
  new Option('--orient', 'turn images as their EXIF orientation says'),
  shared.precision(),
  shared.calibration('images of the data set'),
  shared.calibrationImages(),
  shared.forceInt8(),
  new Option('--store <type>', 'numbers of the store').choices(['float32', 'float16']),
  new Option('--max-pixels <n>', 'skip images of more pixels (default: 100 million)').argParser(
    (text: string) => integer(text, '--max-pixels'),
  ),
  ...csvFlags(),
  shared.engine(),
  shared.provider(),
  shared.gpu(),
  shared.threads(),
  shared.workers(),
  shared.shard(),
  shared.resume(),
  new Option('--dry-run', 'print the recipe and its hash, and compute nothing'),
  shared.json(),
  shared.quiet(),
];

const required = <T>(value: T | undefined, flag: string): T => {
  if (value === undefined) throw new UsageError(`Expected ${flag} but it is missing.`);
  return value;
};

/** What the flags say of the recipe; what they leave out is the named recipe's or the default. */
const choiceOf = (flags: ExtractFlags): RecipeChoice => {
  const { recipe, aggregate, normalize, region, crops, kernel, orient, store, scales, precision } = flags;
  const given = {
    name: recipe,
    aggregate,
    normalize,
    region,
    crops,
    interpolation: kernel,
    orient,
    store,
    scales,
    precision,
  };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    layers: flags.layer.split(',').map((layer) => layer.trim()),
    ...(flags.flip ? {} : { flip: false }),
  };
};

const summary = ({ store, run }: Extracted, out: string): string => {
  const sizes = store.layers.map((layer) => `${layer} ${store.columns(layer)}`).join(', ');
  const speed = run.computed > 0 ? ` (${(run.computed / run.seconds).toPrecision(3)} images/s)` : '';
  return (
    `${run.images} images: ${run.computed} computed${speed}, ${run.reused} found again, ${run.skipped} skipped, ` +
    `${run.images - run.computed - run.reused - run.skipped} kept from before.\n` +
    `Descriptors: ${sizes}; recipe ${store.hash}. Wrote ${out}`
  );
};

const run = async (name: string, flags: ExtractFlags): Promise<void> => {
  const data = resolve(required(flags.data, '--data'));
  const backbones = required(flags.backbone, '--backbone');
  const choice = choiceOf(flags);
  const { extractFeatures } = await import('../features/pipeline/extract.js');
  const { describeRecipe } = await import('../features/recipe/recipe.js');
  const { openNets, planExtraction } = await import('../features/pipeline/plan.js');
  if (flags.dryRun) {
    const nets = await openNets(backbones, choice);
    // The hash of an int8 recipe is known once the nets are quantised.
    const plan = nets.recipe.precision === 'fp32' ? await planExtraction(nets, flags) : undefined;
    const { interpolationRemark } = await import('../features/recipe/interpolation-remark.js');
    const remark = interpolationRemark(nets.recipe.interpolation, nets.backbones);
    if (remark !== undefined) note(flags, remark);
    if (flags.json)
      sayJson({ recipe: nets.recipe, hash: plan?.hash, nets: plan?.nets, lengths: plan?.lengths });
    else
      say(
        flags,
        `${describeRecipe(nets.recipe)}\nhash              ${plan?.hash ?? 'known after calibration'}`,
      );
    return;
  }
  const out = resolve(required(flags.out, '--out'));
  const { openDataset } = await import('../datasets/open.js');
  const dataset = await openDataset(name, data, { csv: csvOf(flags) });
  // Without --split all images, each once: official splits may overlap (VOC's trainval).
  const items = dataset.items(flags.split);
  for (const { path, reason } of dataset.strays.slice(0, 20)) note(flags, `Passed over ${path}: ${reason}`);
  const { photosIn } = await import('../datasets/photos.js');
  const calibration =
    flags.calibration === undefined ? undefined : await photosIn([flags.calibration], option('calibration'));
  const { onProgress, stop } = flags.json ? progressLines(flags) : progressBar(flags);
  await interruptible(
    async (signal) => {
      const extracted = await extractFeatures(items, backbones, choice, {
        ...flags,
        out,
        int8: {
          calibrationImages: flags.calibrationImages,
          force: flags.force ?? false,
          ...(calibration ? { calibration } : {}),
        },
        onProgress,
        onNotice: (text) => {
          stop();
          note(flags, text);
        },
        signal,
        command: process.argv.slice(2),
      });
      stop();
      const { store, skipped, run: record } = extracted;
      if (flags.json) {
        const columns = Object.fromEntries(store.layers.map((layer) => [layer, store.columns(layer)]));
        sayJson({ out, rows: store.rows, columns, recipe: store.recipe, ...record, skipped });
      } else say(flags, summary(extracted, out));
      reportSkipped(skipped);
    },
    { stop },
  );
};

export const command = (): Command => {
  const extract = new Command('extract')
    .description("write descriptors of a data set's images to disk")
    .argument('<dataset>', 'kind of data set: folder, csv, voc2007, caltech101, …')
    .action(run);
  for (const option of options()) extract.addOption(option);
  return extract.addHelpText(
    'after',
    `
Layers: fc7 (after ReLU), fc7:linear (before it), conv5 (the last of block 5), pool4, …; several with commas.
Scales default to the recipe's, relative to the net's input (224: 256,384,512; 64: 73,110,146).

Example: three scales stacked, on every core; stopped at any moment, it goes on with --resume
  $ verydeep extract folder --data photos --backbone vgg16.safetensors --recipe caltech --out features/photos`,
  );
};
