// Any table of images: the training and test images of its split column, or Caltech's random splits; mean class recall or AP.
import type { Benchmark } from './protocol/benchmark.js';
import { folder } from './folder.js';

export const csv: Benchmark = {
  ...folder,
  name: 'csv',
  title: 'Table of images, Caltech protocol',
  dataset: 'csv',
};
