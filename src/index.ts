// The public library: what `import … from 'verydeep'` gives.
export { InterruptedError, UsageError, VerydeepError } from './errors.js';
export type { OnProgress, ProgressEvent, Skipped } from './progress.js';
export type { Box, Dataset, ImageSource, Item } from './datasets/dataset.js';
export type { ApForm, PrecisionRecall } from './evaluation/average-precision.js';
export { averagePrecision, precisionRecall } from './evaluation/average-precision.js';
export type { Confusion } from './evaluation/confusion.js';
export {
  accuracy,
  classRecalls,
  classSizes,
  confusionMatrix,
  countOf,
  meanClassRecall,
} from './evaluation/confusion.js';
export { argmax, MISSING, rank } from './evaluation/ranking.js';
export type { BootstrapOptions, Interval } from './evaluation/statistics.js';
export { bootstrap, mean, standardDeviation } from './evaluation/statistics.js';
export { topK } from './evaluation/top-k.js';
export { openBackbone, saveBackbone } from './backbone/nets/backbone.js';
export type { Backbone, BackboneMetadata, InputNormalisation } from './backbone/nets/backbone.js';
export { openSafetensors, writeSafetensors } from './formats/safetensors.js';
export * from './backbone/nets/architecture.js';
export { ImageError, type RgbImage } from './images/image.js';
export { readImageBytes } from './images/source.js';
export { type DecodeOptions, decode, loadImage } from './images/decode.js';
export { interpolations, type Interpolation } from './interpolation.js';
export { resizeSmallestSide, resizeTo } from './images/resize.js';
export { centreCrop, clipToImage, crop, flip, randomCrop } from './images/crop.js';
export type {
  Bias,
  Certificate,
  ClassLabels,
  ClassWeights,
  Loss,
  SolverName,
} from './classifiers/problem.js';
export { oneVsRest } from './classifiers/problem.js';
export { type LinearModel, decisionValues } from './classifiers/model.js';
export { loadModel, saveModel } from './classifiers/model-file.js';
export { calibrate, probabilities } from './classifiers/platt.js';
export { type Gram, gramOf } from './classifiers/gram.js';
export type { Descriptors, RowSource } from './classifiers/rows.js';
export { type TrainOptions, trainOneVsRest } from './classifiers/train.js';
export { type Metric, type SelectOptions, type Selection, refit, selectC } from './classifiers/select.js';
export { extractFeatures, type ExtractOptions, type Extracted } from './features/pipeline/extract.js';
export { exportInt8, type Int8Export, type Int8ExportOptions } from './features/pipeline/export-int8.js';
export { openFeatures, type FeatureStore } from './features/store/reader.js';
export { type Merged, mergeFeatures } from './features/store/merge.js';
export { type Verification, verifyFeatures } from './features/store/verify.js';
export {
  describeRecipe,
  recipes,
  resolveRecipe,
  type Recipe,
  type RecipeChoice,
} from './features/recipe/recipe.js';
export { datasetNames, openDataset, type OpenOptions, splitOf } from './datasets/open.js';
export { readBoxes } from './datasets/boxes.js';
export { type CsvOptions, readCsv } from './datasets/csv.js';
export { photosIn } from './datasets/photos.js';
export { readFolder } from './datasets/folder.js';
export { readVoc, VOC_CLASSES } from './datasets/voc.js';
export { readVocAction, VOC_ACTIONS } from './datasets/voc-action.js';
export { type CaltechOptions, readCaltech } from './datasets/caltech.js';
export { setAside, type Split, type SplitOptions, stratifiedSplit } from './datasets/splits.js';
export { GraphBuilder, type Attribute, type Dimension, type ExternalTensor } from './engine/onnx.js';
export { Session, type Provider, type SessionOptions, type ValueInfo } from './engine/session.js';
export { gram, matmul, type GemmOptions } from './engine/gemm.js';
export type { Tensor, TensorType } from './engine/tensor.js';
export { cacheFolder } from './io/cache.js';
export { download } from './io/download.js';
export type { DownloadOptions, Downloaded, Remote } from './io/download.js';
export { type Engine, type EngineName, type EngineOptions, outOfMemory, useEngine } from './engine/engine.js';
export { type EngineDescription, type EnginesReport, describeEngines } from './engine/describe.js';
export { type MomentumStep, momentumUpdate } from './engine/momentum.js';
export { type Photo, type Prediction, type PredictOptions, predictImages } from './classifiers/predict.js';
export { importWeights, type ImportOptions } from './backbone/weights/importers/import.js';
export { exportWeights, type ExportFormat } from './backbone/weights/exporters/export.js';
export { publishedWeights, type PublishedWeights } from './backbone/weights/published.js';
export { type CheckReport, checkDataset } from './datasets/check.js';
export { archivesOf, type Fetched, fetchArchives } from './datasets/fetch.js';
export { examplesOf, superclassesOf } from './backbone/training/examples.js';
export { denseForward, forward } from './backbone/nets/forward.js';
export { Loader } from './backbone/training/loader.js';
export { measurePixels } from './backbone/training/measure-pixels.js';
export { type TrainingResult, type TrainingRun, train } from './backbone/training/trainer.js';
export { type TrainingOptions, paperDefaults } from './backbone/training/options.js';
export { type MatlabValue, openMatlab } from './formats/matlab.js';
export {
  type TrainingData,
  type TrainOutcome,
  type TrainRequest,
  trainBackbone,
} from './backbone/training/train-backbone.js';
export { trainDefaults } from './backbone/training/defaults.js';
