// The public library, `verydeep`. Subpaths: verydeep/classifiers, /images, /metrics and /tfjs.
export { type BenchmarkOptions, benchmarkNames, runBenchmark } from '../benchmarks/run-benchmark.js';
export type { IlsvrcResults } from '../benchmarks/ilsvrc/results.js';
export type { IlsvrcOptions } from '../benchmarks/ilsvrc2012.js';
export type { LocalisationOptions } from '../benchmarks/ilsvrc2012-localisation.js';
export type { Results } from '../benchmarks/protocol/results.js';
export type { Architecture } from './backbone/nets/architecture.js';
export type { Backbone, BackboneMetadata, InputNormalisation } from './backbone/nets/backbone.js';
export { trainBackbone, type TrainingData, type TrainOutcome } from './backbone/training/train-backbone.js';
export { type DownloadWeightsOptions, downloadWeights } from './backbone/weights/download.js';
export { type ExportFormat, exportWeights } from './backbone/weights/exporters/export.js';
export { type ImportOptions, importWeights } from './backbone/weights/importers/import.js';
export { type PublishedWeights, publishedWeights } from './backbone/weights/published.js';
export { type CheckReport, checkDataset } from './datasets/check.js';
export type { Box, Dataset, ImageSource, Item } from './datasets/dataset.js';
export { downloadDataset } from './datasets/download.js';
export type { OpenedDataset } from './datasets/items.js';
export { datasetNames, openDataset, type OpenOptions } from './datasets/open.js';
export { type EnginesReport, describeEngines } from './engine/describe.js';
export { InterruptedError, UsageError, VerydeepError } from './errors.js';
export { describe, type DescribeOptions, type Images, type StoreOptions } from './features/describe.js';
export { type Net, openNet } from './features/net.js';
export { exportInt8, type Int8Export, type Int8ExportOptions } from './features/pipeline/export-int8.js';
export { describeRecipe, type RecipeChoice, recipes } from './features/recipe/recipe.js';
export { exportFeatures } from './features/store/export/export.js';
export type { Features } from './features/store/features.js';
export { type Merged, mergeFeatures } from './features/store/merge.js';
export { type FeatureStore, openFeatures } from './features/store/reader.js';
export type { NetIdentity, Recipe } from './features/store/recipe.js';
export { type Verification, verifyFeatures } from './features/store/verify.js';
export { ImageError } from './images/image.js';
export {
  type Answer,
  type Answers,
  type ImageInput,
  LinearSvm,
  type LinearSvmOptions,
} from './linear-svm.js';
export type { Matrix } from './matrix.js';
export type { ScoreOptions } from './predict.js';
export type { OnProgress, ProgressEvent, Skipped } from './progress.js';
