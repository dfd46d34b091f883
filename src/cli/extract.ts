// `verydeep extract`: writes the descriptors of a data set's images to disk.
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { PassedOver } from '../datasets/walk.js';
import { launched } from '../engine/communicator/launcher.js';
import { expected, option, text } from '../errors.js';
import type { OnnxChoice } from '../features/pipeline/onnx-net.js';
import type { Extracted } from '../features/pipeline/extract.js';
import type { RecipeChoice } from '../features/recipe/recipe.js';
import { addFlags, csvOf, given, required } from './options.js';
import { requireKind } from './kind.js';
import { interruptible } from './interruptible.js';
import { note, noteDataset, progressBar, reportSkipped, say, sayJson } from './output.js';
import { progressLines } from './progress-lines.js';
import { type FlagsOf, commandOptions } from './tables.js';

type ExtractFlags = FlagsOf<'extract'>;

/** The recipe's flags; missing ones are those of the named recipe or the default. */
const choiceOf = (flags: ExtractFlags): RecipeChoice => {
  const {
    recipe,
    aggregate,
    descriptorNorm,
    region,
    crops,
    interpolation,
    orient,
    resampling,
    store,
    scales,
    precision,
  } = flags;
  return {
    ...given({
      name: recipe,
      aggregate,
      descriptorNorm,
      region,
      crops,
      interpolation,
      orient,
      store,
      resampling,
    }),
    ...given({ scales, precision, layers: flags.layer?.split(',').map((layer) => layer.trim()) }),
    ...(flags.flip ? {} : { flip: false }),
  };
};

/** The net of others, if one is given. @throws UsageError for flags that do not go together */
const onnxOf = ({ onnx, preprocess, pooling, backbone }: ExtractFlags): OnnxChoice | undefined => {
  if (onnx === undefined) {
    const idle = preprocess === undefined ? pooling && 'pooling' : 'preprocess';
    if (idle !== undefined)
      throw expected('an ONNX model', option('onnx'), undefined, text`${option(idle)} is of one.`);
    return undefined;
  }
  if (backbone) throw expected('either', text`${option('backbone')} or ${option('onnx')}`, 'both');
  return {
    model: resolve(onnx),
    preprocess: required(
      'preprocess',
      preprocess,
      'how images become the input of the net',
      'Give its preprocessor_config.json, torchvision or timm.',
    ),
    pooling,
  };
};

const summary = ({ store, run }: Extracted, out: string): string => {
  const sizes = store.layers.map((layer) => `${layer} ${store.columns(layer)}`).join(', ');
  const speed = run.computed > 0 ? ` (${(run.computed / run.seconds).toPrecision(3)} images/s)` : '';
  return (
    `${run.images} images: ${run.computed} computed${speed}, ${run.reused} reused, ${run.skipped} skipped, ` +
    `${run.images - run.computed - run.reused - run.skipped} kept from an earlier run.\n` +
    `Descriptors: ${sizes}; recipe ${store.hash}. Wrote ${out}`
  );
};

/** Under mpirun or srun each process takes a share of the images, unless a shard is given. */
const asShare = (flags: ExtractFlags): { readonly flags: ExtractFlags; readonly prints: boolean } => {
  const rank = flags.shard ? undefined : launched();
  if (!rank) return { flags, prints: true };
  const prints = rank.rank === 0;
  const shard = { index: rank.rank, count: rank.size };
  return { flags: { ...flags, shard, ...(!prints && { quiet: true, json: false }) }, prints };
};

const run = async (name: string, wanted: ExtractFlags): Promise<void> => {
  const { flags, prints } = asShare(wanted);
  const { datasetNames, openDataset } = await import('../datasets/open.js');
  requireKind('extract', 'the data set', datasetNames, name);
  const data = resolve(required('data', flags.data, 'a folder'));
  const { BUILTIN, BUILTIN_NOTICE } = await import('../backbone/nets/builtin.js');
  const onnx = onnxOf(flags);
  const backbones = onnx ? [] : (flags.backbone ?? [BUILTIN]);
  if (!onnx && !flags.backbone) note(flags, BUILTIN_NOTICE);
  const choice = choiceOf(flags);
  const { extractFeatures } = await import('../features/pipeline/extract.js');
  const { describeRecipe } = await import('../features/recipe/recipe.js');
  const { openNets, planExtraction } = await import('../features/pipeline/plan.js');
  if (flags.dryRun && onnx) {
    const { openOnnx, planOnnx } = await import('../features/pipeline/onnx-net.js');
    const { recipe, hash, nets, lengths } = await planOnnx(await openOnnx(onnx, choice), flags);
    if (flags.json) sayJson({ recipe, hash, nets, lengths });
    else say(flags, `${describeRecipe(recipe)}\nhash              ${hash}`);
    return;
  }
  if (flags.dryRun) {
    const nets = await openNets(backbones, choice);
    // The hash of an int8 recipe is known after quantisation.
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
  const out = resolve(required('out', flags.out, 'a folder'));
  const dataset = await openDataset(name, data, { csv: csvOf(flags) });
  // Without --split all images, each once: official splits may overlap (VOC's trainval).
  const items = dataset.items(flags.split);
  noteDataset(flags, dataset);
  const { photosIn } = await import('../datasets/photos.js');
  const passedOver: PassedOver[] = [];
  const calibration =
    flags.calibration === undefined
      ? undefined
      : await photosIn([flags.calibration], option('calibration'), (passed) => passedOver.push(passed));
  noteDataset(flags, { strays: passedOver });
  const { onProgress, stop } = flags.json ? progressLines(flags) : progressBar(flags);
  await interruptible(
    async (signal) => {
      const extracted = await extractFeatures(items, backbones, choice, {
        ...flags,
        onnx,
        out,
        source: given({ data, split: flags.split, ...csvOf(flags) }),
        int8: {
          calibrationImages: flags.calibrationImages,
          allowLowFidelity: flags.allowLowFidelity ?? false,
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
      } else if (prints) say(flags, summary(extracted, out));
      reportSkipped(skipped);
    },
    { stop },
  );
};

export const command = (): Command => {
  return addFlags(new Command('extract'), commandOptions.extract)
    .description("write descriptors of a data set's images to disk")
    .argument(
      '<dataset>',
      'kind of data set: folder, csv, voc2007, caltech101, imagenet, tiny-imagenet, idx, …',
    )
    .action(run)
    .addHelpText(
      'after',
      `
Layers: fc7 (after ReLU), fc7:linear (before it), conv5 (the last of block 5), pool4, …; separate several by commas.
Scales default to the recipe's, relative to the net's input (224: 256,384,512; 64: 73,110,146).

Any net in ONNX: its outputs are the layers; the input is as the file says that timm and transformers write.
  $ verydeep extract folder --data photos --onnx vit.onnx --preprocess preprocessor_config.json --pooling first --out features/vit

Example: three scales stacked, on all cores. An interrupted run continues with --resume.
  $ verydeep extract folder --data photos --backbone vgg16.safetensors --recipe caltech --out features/photos`,
    );
};
