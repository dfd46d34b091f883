// The options of each command. Flags, help and the docs' tables are made from these.
import { featuresOptions, protocolOptions } from '../../benchmarks/protocol/options.js';
import { ilsvrcOptions } from '../../benchmarks/ilsvrc/options.js';
import { localisationOptions } from '../../benchmarks/localisation/options.js';
import { trainingOptions } from '../backbone/training/options.js';
import { exportOptions, importOptions } from '../backbone/weights/options.js';
import { svmOptions } from '../classifiers/options.js';
import {
  backgroundOptions,
  csvOptions,
  datasetOptions,
  downloadOptions,
  splitOptions,
  validationOptions,
} from '../datasets/options.js';
import { engineOptions, providerOptions } from '../engine/options.js';
import {
  int8Options,
  limitOptions,
  netsOptions,
  onnxOptions,
  workerOptions,
} from '../features/pipeline/options.js';
import { recipeOptions } from '../features/recipe/options.js';
import { storeImportOptions } from '../features/store/import/options.js';
import { storeExportOptions } from '../features/store/export/options.js';
import { type OptionTable, type OptionsOf, commonOptions, kinds } from '../options.js';
import { shardOptions } from './shard.js';

const { data } = datasetOptions;
const { out, seed, resume, force } = commonOptions;

const outputOptions = {
  json: { kind: kinds.flag(), help: 'print one JSON document on standard output' },
  quiet: { kind: kinds.flag(), help: 'do not print progress' },
} as const satisfies OptionTable;
const { json } = outputOptions;

/** Options of the engine. */
const machineOptions = {
  engine: engineOptions.engine,
  ...providerOptions,
  device: engineOptions.device,
  gpu: engineOptions.gpu,
  threads: engineOptions.threads,
  ...workerOptions,
} as const satisfies OptionTable;

const outFile = (help: string) => ({ kind: kinds.file(), help });

/** The options of each command, in the order of the help. */
export const commandOptions = {
  train: {
    data,
    ...csvOptions,
    out,
    recipe: {
      kind: kinds.file(),
      help: 'train the nets of a recipe file, one after the other (see docs/training.md)',
    },
    ...trainingOptions,
    ...validationOptions,
    resume,
    force,
    ...outputOptions,
  },
  extract: {
    data,
    ...splitOptions,
    ...netsOptions,
    ...onnxOptions,
    out,
    ...recipeOptions,
    ...int8Options,
    calibration: { ...int8Options.calibration, otherwise: 'split of the data set' },
    ...limitOptions,
    ...csvOptions,
    ...machineOptions,
    ...shardOptions,
    resume,
    force,
    dryRun: { kind: kinds.flag(), help: 'print the recipe and its hash without computing anything' },
    ...outputOptions,
  },
  evaluate: {
    data,
    ...netsOptions,
    ...featuresOptions,
    out,
    ...protocolOptions,
    ...backgroundOptions,
    ...ilsvrcOptions,
    ...localisationOptions,
    scales: recipeOptions.scales,
    aggregate: recipeOptions.aggregate,
    flip: recipeOptions.flip,
    layer: { ...recipeOptions.layer, help: 'layer whose activations are the descriptor' },
    region: {
      ...recipeOptions.region,
      kind: kinds.choice(['image', 'box', 'image+box'], 'what'),
      help: "the whole image, an item's box, or both stacked",
    },
    orient: recipeOptions.orient,
    resampling: recipeOptions.resampling,
    precision: recipeOptions.precision,
    calibration: {
      ...int8Options.calibration,
      otherwise: 'training images that are not test images of any split',
    },
    ...csvOptions,
    ...machineOptions,
    ...svmOptions,
    seed,
    resume,
    force,
    ...outputOptions,
  },
  predict: {
    model: { kind: kinds.file(), help: 'SVMs saved by `verydeep evaluate --save-models`' },
    ...netsOptions,
    top: { kind: kinds.whole(), help: 'number of classes shown per image', default: 3 },
    csv: outFile('write all scores to a table: path, class, one column per class'),
    force,
    boxes: {
      kind: kinds.file(),
      help: 'a net of boxes (.safetensors), which gives a box with each class; or for a model of actions a table of persons, with the columns path, xmin, ymin, xmax, ymax',
    },
    classNet: {
      kind: localisationOptions.classNet.kind,
      help: 'with a net of boxes: net of classes that rates the boxes, and names the classes where no SVMs do (.safetensors)',
    },
    drawn: {
      kind: kinds.folder(),
      help: 'with a net of boxes: folder for copies of the images with their boxes',
    },
    ...machineOptions,
    ...outputOptions,
  },
  export: {
    model: { kind: kinds.file(), help: 'SVMs saved by `verydeep evaluate --save-models`' },
    onnx: outFile('the ONNX file to write'),
    ...netsOptions,
    force,
    ...outputOptions,
  },
  'features info': outputOptions,
  'features verify': outputOptions,
  'features merge': { ...outputOptions, out, force },
  'features export': { ...outputOptions, ...storeExportOptions, out: outFile('the file to write'), force },
  'features import': {
    dataset: {
      kind: kinds.text('kind'),
      help: 'data set whose images the rows are of; gives ids and labels',
      otherwise: 'none: rows are images without labels, named by their ids',
    },
    data,
    ...splitOptions,
    ...storeImportOptions,
    out,
    ...csvOptions,
    force,
    ...outputOptions,
  },
  'weights import': {
    out: outFile('backbone file to write (.safetensors)'),
    ...importOptions,
    force,
    ...outputOptions,
  },
  'weights export': {
    format: exportOptions.format,
    out: { kind: kinds.text('path'), help: 'file to write; a folder for tfjs' },
    precision: {
      ...recipeOptions.precision,
      help: 'number type of the weights; int8 for onnx and onnx-external',
    },
    ...int8Options,
    bits: exportOptions.bits,
    threads: engineOptions.threads,
    force,
    ...outputOptions,
  },
  'weights info': { json },
  'weights list': { json },
  'weights download': { out: outFile('also convert them to this backbone file'), force, ...outputOptions },
  'datasets list': { json },
  'datasets download': { out, ...downloadOptions, force, ...outputOptions },
  'datasets check': { data, ...outputOptions, ...csvOptions },
  'datasets stats': {
    data,
    ...splitOptions,
    out: outFile('write the statistics as JSON'),
    force,
    side: {
      kind: kinds.whole({ value: 'pixels' }),
      help: 'smallest side S of the scaled images',
      default: 256,
      paper: '256',
    },
    orient: recipeOptions.orient,
    ...csvOptions,
    workers: { ...workerOptions.workers, default: engineOptions.threads.default, otherwise: 'all cores' },
    ...outputOptions,
  },
  doctor: { threads: engineOptions.threads, json },
} as const satisfies Readonly<Record<string, OptionTable>>;

/** The flags of a command, as parsed. */
export type FlagsOf<C extends keyof typeof commandOptions> = OptionsOf<(typeof commandOptions)[C]>;
