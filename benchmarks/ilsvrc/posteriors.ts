// Posteriors of nets on disk, fused as in section 3 of the paper: averaged over test methods, then over nets.
import type { Item } from '../../src/datasets/dataset.js';
import { UsageError } from '../../src/errors.js';
import type { Matrix } from '../../src/matrix.js';
import type { Skipped } from '../../src/progress.js';
import { openDescriptors } from '../protocol/descriptors.js';

/** How an image is tested: the whole image densely, or a grid of crops, each also mirrored. */
export const testings = ['dense', 'multi-crop'] as const;
export type Testing = (typeof testings)[number];

/** A folder of posteriors of one net. */
export interface PosteriorStore {
  readonly folder: string;
  readonly testing: Testing;
  /** Which net, counted from 0. */
  readonly net: number;
}

/** How posteriors are fused: the stores and layers that are averaged. */
export interface Combination {
  readonly name: string;
  /** Nets to fuse; all if missing. */
  readonly net?: number;
  readonly parts: readonly { readonly testing: Testing; readonly layer: 'fc8:posterior' | 'fc8:softmax' }[];
}

const scores = { testing: 'dense', layer: 'fc8:posterior' } as const;
const softmaxFirst = { testing: 'dense', layer: 'fc8:softmax' } as const;
const crops = { testing: 'multi-crop', layer: 'fc8:posterior' } as const;

/** All combinations: each test method and both together, for each net and for all nets fused. */
export const combinationsOf = (
  stores: readonly PosteriorStore[],
  names: readonly string[],
): Combination[] => {
  const has = (testing: Testing) => stores.some((store) => store.testing === testing);
  const ways = [
    ...(has('dense')
      ? [
          { name: 'dense', parts: [scores] },
          { name: 'dense, soft-max first', parts: [softmaxFirst] },
        ]
      : []),
    ...(has('multi-crop') ? [{ name: 'multi-crop', parts: [crops] }] : []),
    ...(has('dense') && has('multi-crop') ? [{ name: 'multi-crop & dense', parts: [crops, scores] }] : []),
  ];
  const each = names.flatMap((net, i) =>
    ways.map(({ name, parts }) => ({ name: `${net}, ${name}`, net: i, parts })),
  );
  const fused =
    names.length > 1 ? ways.map(({ name, parts }) => ({ name: `${names.join(' & ')}, ${name}`, parts })) : [];
  return [...fused, ...each];
};

/** Reads posteriors of several stores in blocks, so that memory does not grow with the images. */
interface PosteriorReader {
  readonly classes: number;
  /** Images that a store has no posteriors of. */
  readonly skipped: readonly Skipped[];
  has(id: string): boolean;
  /** The mean over a combination's parts and nets: [items, classes]. */
  read(combination: Combination, items: readonly Item[]): Promise<Matrix>;
}

/**
 * Opens posteriors on disk.
 *
 * @throws UsageError when the stores have different numbers of classes
 */
export const openPosteriors = async (stores: readonly PosteriorStore[]): Promise<PosteriorReader> => {
  const opened = await Promise.all(
    stores.map(async (store) => ({
      ...store,
      layers: {
        'fc8:posterior': await openDescriptors([store.folder], 'fc8:posterior'),
        ...(store.testing === 'dense' && {
          'fc8:softmax': await openDescriptors([store.folder], 'fc8:softmax'),
        }),
      },
    })),
  );
  const columns = opened.map(({ layers }) => layers['fc8:posterior'].columns);
  const classes = columns[0] ?? 0;
  const other = columns.findIndex((count) => count !== classes);
  if (other >= 0) {
    throw new UsageError(
      `Expected posteriors of ${classes} classes in ${stores[other]!.folder} but received ${columns[other]!}. Only nets for the same classes can be fused.`,
    );
  }
  const skipped = new Map(
    opened.flatMap(({ layers }) =>
      layers['fc8:posterior'].skipped.map((each): [string, Skipped] => [each.id, each]),
    ),
  );
  return {
    classes,
    skipped: [...skipped.values()],
    has: (id) => opened.every(({ layers }) => layers['fc8:posterior'].has(id)),
    read: async ({ net, parts }, items) => {
      const wanted = opened.filter((store) => net === undefined || store.net === net);
      const sources = parts.flatMap(({ testing, layer }) =>
        wanted.flatMap((store) => (store.testing === testing ? (store.layers[layer] ?? []) : [])),
      );
      const sum = new Float32Array(items.length * classes);
      for (const source of sources) {
        const { data } = await source.read(items);
        for (let i = 0; i < sum.length; i++) sum[i]! += data[i]!;
      }
      for (let i = 0; i < sum.length; i++) sum[i]! /= sources.length;
      return { rows: items.length, columns: classes, data: sum };
    },
  };
};
