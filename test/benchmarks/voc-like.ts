// A made-up data set with the splits of VOC: three classes, several in an image, some only difficult.
import type { Dataset, Item } from '../../src/datasets/dataset.js';
import { Random } from '../../src/random.js';
import type { MadeRow } from './stores.js';

const CLASSES = ['bird', 'cat', 'dog'];

/** An image's labels and a descriptor in which every class present shows as a number of its own, with noise. */
const image = (id: string, seed: number): { item: Item; row: MadeRow } => {
  const random = new Random(seed, id);
  const states = CLASSES.map(() => [1, -1, -1, 0][random.below(4)]!);
  const labels = CLASSES.filter((_, c) => states[c] === 1);
  const ignored = CLASSES.filter((_, c) => states[c] === 0);
  const values = [...states, 0, 0].map((state) => (state === 1 ? 1 : 0) + 0.8 * random.normal());
  const norm = Math.hypot(...values);
  const descriptor = values.map((value) => value / norm);
  return {
    item: { id, path: `${id}.jpg`, source: { file: id }, labels, ...(ignored.length > 0 ? { ignored } : {}) },
    row: { id, labels, descriptor },
  };
};

/** The data set, and the rows of its descriptors. */
export const vocLike = (
  { train = 60, val = 60, test = 80 } = {},
  seed = 1,
): { dataset: Dataset; rows: MadeRow[] } => {
  const images = Array.from({ length: train + val + test }, (_, i) =>
    image(String(i).padStart(6, '0'), seed),
  );
  const items = images.map(({ item }) => item);
  const parts = { train: items.slice(0, train), val: items.slice(train, train + val) };
  const tested = items.slice(train + val);
  return {
    dataset: {
      name: 'voc2007',
      root: '/voc',
      classes: CLASSES,
      splits: { ...parts, trainval: items.slice(0, train + val), ...(test > 0 ? { test: tested } : {}) },
      strays: [],
    },
    rows: images.map(({ row }) => row),
  };
};
