// Warnings about a data set: classes missing from a split, and names that look alike.
import type { Dataset, Item } from './dataset.js';
import { listed } from './listed.js';

const classesOf = (items: readonly Item[]): Set<string> => new Set(items.flatMap(({ labels }) => labels));

/** A sentence for each split that lacks classes which another has. Splits without labels are left out. */
const lacking = ({ classes, splits }: Pick<Dataset, 'classes' | 'splits'>): string[] => {
  const having = Object.entries(splits)
    .map(([split, items]): [string, Set<string>] => [split, classesOf(items)])
    .filter(([, has]) => has.size > 0);
  return having.flatMap(([split, has]) => {
    const lacks = classes.filter((name) => !has.has(name));
    const where = having.filter(([, other]) => lacks.some((name) => other.has(name))).map(([name]) => name);
    if (lacks.length === 0 || where.length === 0) return [];
    const which =
      lacks.length === 1 ? `the class "${lacks[0]}"` : `${lacks.length} classes: ${listed(lacks)}`;
    return [`The split ${split} has no image of ${which} (in ${where.join(' and ')} only).`];
  });
};

/** A name with the codes of its characters beyond ASCII, which may look alike. */
const codes = (name: string): string =>
  name.replace(/[^\x20-\x7e]/gu, (sign) => `\\u{${sign.codePointAt(0)!.toString(16)}}`);

/** How names may differ and look the same, from the closest. */
const likenesses: readonly (readonly [what: string, form: (name: string) => string])[] = [
  ['Unicode form', (name) => name.normalize('NFC')],
  ['white space', (name) => name.normalize('NFKC').replace(/\s+/gu, ' ').trim()],
  ['case', (name) => name.normalize('NFKC').replace(/\s+/gu, ' ').trim().toLowerCase()],
];

/** A sentence for each set of names that differ in Unicode form, white space or case only. */
export const lookAlikes = (names: readonly string[], what: string): string[] => {
  const told = new Set<string>();
  return likenesses.flatMap(([difference, form]) => {
    const groups = new Map<string, string[]>();
    for (const name of names) groups.set(form(name), [...(groups.get(form(name)) ?? []), name]);
    return [...groups.values()].flatMap((group) => {
      if (group.length < 2 || group.every((name) => told.has(name))) return [];
      for (const name of group) told.add(name);
      return [
        `These ${what} differ in ${difference} only and are kept apart: ${group.map((name) => `"${codes(name)}"`).join(', ')}. Rename one if they are the same.`,
      ];
    });
  });
};

/** That no image has a label, and why. */
export const unlabelledNote = ({ reason }: NonNullable<Dataset['unlabelled']>): string =>
  `No image has a label: ${reason}.`;

const MOST = 10;

/** The messages about an open data set: that it has no labels, its skipped files, ten at most, and its remarks. */
export const noticesOf = ({
  strays,
  remarks = [],
  unlabelled,
}: Pick<Dataset, 'strays' | 'remarks' | 'unlabelled'>): string[] => [
  ...(unlabelled ? [unlabelledNote(unlabelled)] : []),
  ...strays.slice(0, MOST).map(({ path, reason }) => `Passed over ${path}: ${reason}`),
  ...(strays.length > MOST ? [`… and ${strays.length - MOST} more passed over.`] : []),
  ...remarks,
];

/** Remarks on the classes of a data set whose classes are its own. */
export const remarksOn = (dataset: Pick<Dataset, 'classes' | 'splits'>): string[] => [
  ...lacking(dataset),
  ...lookAlikes(dataset.classes, 'classes'),
];
