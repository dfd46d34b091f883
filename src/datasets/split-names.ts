// Recognises split folders by their usual names.

/** The splits that a folder may be named for. */
export type SplitKind = 'train' | 'val' | 'test' | 'trainval';

const words: Readonly<Record<SplitKind, string>> = {
  train: 'train training trn',
  val: 'val valid validate validation validating dev devel development eval evaluation holdout',
  test: 'test testing tst',
  trainval: 'trainval',
};

const kinds: ReadonlyMap<string, SplitKind> = new Map(
  (Object.keys(words) as SplitKind[]).flatMap((kind) =>
    words[kind].split(' ').map((word): [string, SplitKind] => [word, kind]),
  ),
);

/** Words beside the split's that say nothing: "train_set", "Test Images", "train2017". */
const FILLER = /^(set|data|dataset|images?|imgs?|photos?|pictures?|samples?|split|folder|part|partition)$/;
const GLUED = /^(.+?)(set|data|dataset|images?|imgs?|split)$/;

/** A name as a split's: which, and the other words in it ("seg" of "seg_train"). */
export interface SplitName {
  readonly kind: SplitKind;
  readonly rest: string;
}

/** Reads the name of a folder as that of a split; undefined where it is none. Case, digits and marks do not matter. */
export const splitNameOf = (name: string): SplitName | undefined => {
  const parts = name
    .normalize('NFKC')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((part) => part !== '' && !FILLER.test(part))
    .map((part) => (kinds.has(part) ? part : (GLUED.exec(part)?.[1] ?? part)));
  if (parts.join(' ') === 'train val') return { kind: 'trainval', rest: '' };
  const named = parts.filter((part) => kinds.has(part));
  if (named.length !== 1) return undefined;
  return { kind: kinds.get(named[0]!)!, rest: parts.filter((part) => !kinds.has(part)).join(' ') };
};

/** Whether a folder is named for images that have no label: it lies beside the splits, for predictions. */
export const isUnlabelledName = (name: string): boolean =>
  /(^|[^a-z])(pred|preds|predict|predictions?|unlabell?ed|unlabel|unsup|submissions?|infer|inference|extra|samples?)([^a-z]|$)/.test(
    name.toLowerCase(),
  );

/** Whether a folder is a mere level for images, no class: "images", "JPEGImages". */
export const isImagesName = (name: string): boolean =>
  /^(images?|imgs?|jpegimages|jpe?gs?|pngs?|photos?|pictures?|pics?|frames|raw)$/.test(name.toLowerCase());

/**
 * Names of splits as this project writes them ("train", "val", "test"), by the words that a data set has for them. Words
 * that are no split's, and a second word for one split, stay as they are.
 */
export const namesOfSplits = (given: Iterable<string>): Map<string, string> => {
  const kindOf = (word: string): SplitKind | undefined => {
    const name = splitNameOf(word);
    return name?.rest === '' ? name.kind : undefined;
  };
  const all = [...new Set(given)].sort((a, b) => (a < b ? -1 : 1));
  // Of "val" and "dev", the one that is the split's own name has it.
  const taken = new Map<SplitKind, string>();
  for (const word of all) if (kindOf(word) === word.toLowerCase()) taken.set(kindOf(word)!, word);
  return new Map(
    all.map((word) => {
      const kind = kindOf(word);
      if (kind === undefined) return [word, word];
      if (!taken.has(kind)) taken.set(kind, word);
      return [word, taken.get(kind) === word ? kind : word];
    }),
  );
};
