// The public library: what `import … from 'verydeep'` gives.
export { UsageError, VerydeepError } from './errors.js';
export type { OnProgress, ProgressEvent, Skipped } from './progress.js';
export type { Box, Dataset, ImageSource, Item } from './datasets/dataset.js';
