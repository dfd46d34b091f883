// Caltech-101 and Caltech-256: a folder per class, known image names; stray files are skipped and listed.
import { realpath } from 'node:fs/promises';
import { expected, option } from '../errors.js';
import type { OnProgress } from '../progress.js';
import { type Tree, type TreePlan, openTree } from './archives/tree.js';
import { sorted } from './common.js';
import type { Dataset, Item } from './dataset.js';
import type { PassedOver } from './walk.js';

interface Caltech {
  readonly plan: TreePlan;
  /** Folders that are classes, and files in them that are images. */
  readonly folder: RegExp;
  readonly image: RegExp;
  /** The background class: images of anything. */
  readonly background: string;
}

const table = {
  caltech101: {
    plan: {
      top: '101_ObjectCategories',
      within: ['', 'caltech-101', 'caltech101'],
      archives: [
        { file: '101_ObjectCategories.tar.gz' },
        { file: 'caltech-101.zip', inner: /(^|\/)101_ObjectCategories\.tar(\.gz)?$/ },
      ],
      oneArchive: true,
    },
    folder: /^[^.]/,
    image: /^image_\d{4}\.jpg$/,
    background: 'BACKGROUND_Google',
  },
  caltech256: {
    plan: {
      top: '256_ObjectCategories',
      within: ['', 'caltech-256', 'caltech256'],
      archives: [{ file: '256_ObjectCategories.tar' }],
      oneArchive: true,
    },
    folder: /^\d{3}\./,
    image: /^\d{3}_\d{4}\.jpg$/,
    background: '257.clutter',
  },
} as const satisfies Record<string, Caltech>;

export interface CaltechOptions {
  /** Whether the background or clutter class belongs to the classes, as in the paper. Default true. */
  readonly background?: boolean;
  /** Whether class folders without an image are kept (for a check) instead of being an error. */
  readonly emptyClasses?: boolean;
  /** Where compressed archives are unpacked. */
  readonly cache?: string;
  readonly onProgress?: OnProgress;
}

/** Everything below a folder that is not an image of a class; a folder that is linked twice is read once. */
const straysIn = async (tree: Tree, folder: string, seen = new Set<string>()): Promise<PassedOver[]> => {
  const real = await realpath(tree.where(folder)).catch(() => folder);
  if (seen.has(real)) return [{ path: folder, reason: 'a link to a folder that is read already' }];
  seen.add(real);
  const reason = 'a folder inside a class folder';
  const strays: PassedOver[] = [...(await tree.files(folder)).keys()].map((name) => ({
    path: `${folder}/${name}`,
    reason,
  }));
  for (const name of await tree.folders(folder)) {
    strays.push(...(await straysIn(tree, `${folder}/${name}`, seen)));
  }
  return strays;
};

/**
 * Reads Caltech-101 or Caltech-256. The classes are the folders' names in code-unit order; the one split is
 * "all".
 *
 * @param root the folder that holds `101_ObjectCategories` or `256_ObjectCategories`, that folder itself, or
 * the folder of the original archive
 * @throws UsageError when they are missing or a class folder holds no image
 */
export const readCaltech = async (
  name: keyof typeof table,
  root: string,
  { background = true, emptyClasses = false, ...options }: CaltechOptions = {},
): Promise<Dataset> => {
  const caltech = table[name];
  const tree = await openTree(root, caltech.plan, options);
  const classes: string[] = [];
  const items: Item[] = [];
  const strays: PassedOver[] = [...(await tree.files('')).keys()].map((path) => ({
    path,
    reason: 'lies in no class folder',
  }));
  for (const label of await tree.folders('')) {
    if (!caltech.folder.test(label)) {
      strays.push({ path: label, reason: 'not a folder of a class' });
      continue;
    }
    if (label === caltech.background && !background) continue;
    classes.push(label);
    const before = items.length;
    const inside = new Set([await realpath(tree.where(label)).catch(() => label)]);
    for (const [file, source] of await tree.files(label)) {
      const path = `${label}/${file}`;
      if (caltech.image.test(file)) items.push({ id: path, path, source, labels: [label] });
      else strays.push({ path, reason: 'not named like an image of this data set' });
    }
    for (const inner of await tree.folders(label))
      strays.push(...(await straysIn(tree, `${label}/${inner}`, inside)));
    if (items.length === before && !emptyClasses) {
      throw expected(
        `images in the class folder ${tree.where(label)}`,
        option('data'),
        'none',
        'Unpack the archive again.',
      );
    }
  }
  if (items.length === 0) throw expected(`class folders in ${tree.where('')}`, option('data'), 'none');
  strays.push(...(await tree.passedOver()));
  return { name, root: tree.root, classes, splits: { all: sorted(items) }, strays };
};
