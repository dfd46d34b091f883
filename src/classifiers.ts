// `verydeep/classifiers`: linear SVMs on any matrix of numbers, and the splits and folds to train and test them on.
export { type Gram, gramOf } from './classifiers/gram.js';
export { decisionValues, type LinearModel, type Sigmoid } from './classifiers/model.js';
export { loadModel, saveModel } from './classifiers/model-file.js';
export { calibrate, probabilities } from './classifiers/platt.js';
export { type ClassLabels, oneVsRest } from './classifiers/problem.js';
export type { Bias, ClassWeight, Loss, SolverName } from './classifiers/options.js';
export type { Certificate } from './classifiers/problem.js';
export type { Descriptors, RowSource } from './classifiers/rows.js';
export { type Metric, refit, selectC, type Selection, type SelectOptions } from './classifiers/select.js';
export { trainOneVsRest, type TrainOptions } from './classifiers/train.js';
export { setAside, type Split, type SplitOptions, stratifiedSplit } from './datasets/splits.js';
export type { Matrix } from './matrix.js';
