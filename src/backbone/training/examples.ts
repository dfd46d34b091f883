// Turns a data set's items into examples with class and superclass indices.
import type { Item } from '../../datasets/dataset.js';
import { expected, option, UsageError, text } from '../../errors.js';
import type { TrueBox } from '../boxes/located.js';
import type { Example } from './loader.js';

/** The superclass of a nested class: "animals/cat" belongs to "animals". */
const parentOf = (name: string): string | undefined => {
  const cut = name.lastIndexOf('/');
  return cut > 0 ? name.slice(0, cut) : undefined;
};

/**
 * The superclasses of nested classes, sorted.
 *
 * @throws UsageError when a class has no parent folder, or all have the same
 */
export const superclassesOf = (classes: readonly string[]): string[] => {
  const parents = classes.map((name) => {
    const parent = parentOf(name);
    if (parent !== undefined) return parent;
    throw new UsageError(
      text`Expected nested class folders (animals/cat) for ${option('superclassLoss')} but the class ${name} has no parent folder.`,
    );
  });
  const names = [...new Set(parents)].sort();
  if (names.length < 2) throw expected('at least two parent folders', option('superclassLoss'), names);
  return names;
};

/**
 * Turns the labels of items into indices.
 *
 * @param superclasses from {@link superclassesOf}; empty for training on classes alone
 * @param truths the true box of each item, for localisation
 * @throws UsageError for an item with no or several labels, or with a label that is not a class
 */
export const examplesOf = (
  items: readonly Item[],
  classes: readonly string[],
  superclasses: readonly string[] = [],
  truths?: ReadonlyMap<Item, TrueBox>,
): Example[] => {
  const indices = new Map(classes.map((name, i) => [name, i]));
  const parents = new Map(superclasses.map((name, i) => [name, i]));
  return items.map((item) => {
    const { id, path, source, labels } = item;
    const [name, ...others] = labels;
    if (name === undefined || others.length > 0) {
      throw expected(
        'one class for each training image',
        path,
        labels,
        'Training needs images of one class each.',
      );
    }
    const label = indices.get(name);
    if (label === undefined) throw expected('a class of the training set', path, name);
    const superlabel = superclasses.length > 0 ? parents.get(parentOf(name) ?? '') : undefined;
    const truth = truths?.get(item);
    return { ...{ id, path, source, label, superlabel }, ...(truth && { truth }) };
  });
};
