// `verydeep/metrics`: average precision, class recall, top-k and confidence intervals, from scores and labels.
export { type ApForm, averagePrecision, precisionRecall } from './evaluation/average-precision.js';
export type { PrecisionRecall } from './evaluation/average-precision.js';
export {
  accuracy,
  classRecalls,
  classSizes,
  type Confusion,
  confusionMatrix,
  countOf,
  meanClassRecall,
} from './evaluation/confusion.js';
export { argmax, MISSING, rank } from './evaluation/ranking.js';
export { bootstrap, type BootstrapOptions, type Interval, mean } from './evaluation/statistics.js';
export { standardDeviation } from './evaluation/statistics.js';
export { topK } from './evaluation/top-k.js';
export type { Matrix } from './matrix.js';
