// Which drawings the net is trained on and which it is tested on: disjoint groups of concepts, one version of a family.
import { Random } from '../../src/random.js';
import { artistNamed, artists } from './artists.js';
import type { Concept } from './concepts.js';
import type { Drawing } from './drawings.js';

/** Groups of concepts for pre-training ("the ImageNet of the demo") and for transfer ("its Caltech"). */
export const groups = {
  pretrain: [
    'smileys-emotion',
    'people-body',
    'travel-places',
    'activities',
    'symbols',
    'flags',
    'extras-unicode',
  ],
  transfer: ['animals-nature', 'food-drink', 'objects'],
} as const;

/** How many concepts, subgroups and drawings are taken. */
export const sizes = {
  /** A concept to train on was drawn by at least so many artists. */
  artistsOfPretrain: 3,
  /** Transfer by concept: so many concepts, each drawn by this many artists. */
  concepts: 100,
  artistsOfConcept: 6,
  /** Transfer by subgroup: so many subgroups, of so many concepts each, drawn by at least this many artists. */
  subgroups: 16,
  conceptsOfSubgroup: 14,
  artistsOfSubgroup: 3,
} as const;

/** One image to render and the place for it. */
export interface Placed {
  readonly drawing: Drawing;
  /** Path below the image folder, `/` between folders: "pretrain/heart/red-heart/noto.png". */
  readonly path: string;
}

type Set = 'pretrain' | 'transfer-concepts' | 'transfer-subgroups';

/** Drawings by concept, at most one of each family of versions: the one that stands first in the table of artists. */
export const byConcept = (drawings: readonly Drawing[]): Map<Concept, Drawing[]> => {
  const rank = (drawing: Drawing): number => artists.indexOf(artistNamed(drawing.artist));
  const found = new Map<Concept, Drawing[]>();
  for (const drawing of [...drawings].sort((a, b) => rank(a) - rank(b))) {
    const of = found.get(drawing.concept) ?? [];
    const { family } = artistNamed(drawing.artist);
    if (!of.some((other) => artistNamed(other.artist).family === family)) of.push(drawing);
    found.set(drawing.concept, of);
  }
  return found;
};

const inGroups = (concept: Concept, names: readonly string[]): boolean =>
  names.includes(concept.group) &&
  // Additions of one artist repeat the official groups under their own: "extras-unicode/food-drink".
  ![...groups.pretrain, ...groups.transfer].some((group) => group === concept.subgroup);

const bySlug = (a: Concept, b: Concept): number => (a.slug < b.slug ? -1 : 1);

/** Chooses the images of the demo; the same drawings and seed give the same choice. Sorted by path. */
export const select = (drawings: readonly Drawing[], seed: number): Placed[] => {
  const all = byConcept(drawings);
  const concepts = (names: readonly string[], artistsAtLeast: number): Concept[] =>
    [...all]
      .filter(([concept, of]) => inGroups(concept, names) && of.length >= artistsAtLeast)
      .map(([concept]) => concept)
      .sort(bySlug);
  const place = (set: Set, folder: string, concept: Concept): Placed[] =>
    all.get(concept)!.map((drawing) => ({ drawing, path: `${set}/${folder}/${drawing.artist}.png` }));

  const pretrain = concepts(groups.pretrain, sizes.artistsOfPretrain);
  const unseen = new Random(seed, 'concepts')
    .shuffle(concepts(groups.transfer, sizes.artistsOfConcept))
    .slice(0, sizes.concepts);

  const members = new Map<string, Concept[]>();
  for (const concept of concepts(groups.transfer, sizes.artistsOfSubgroup))
    members.set(concept.subgroup, [...(members.get(concept.subgroup) ?? []), concept]);
  const large = [...members].filter(([, of]) => of.length >= sizes.conceptsOfSubgroup);
  const unseenSubgroups = new Random(seed, 'subgroups')
    .shuffle(large.sort(([a], [b]) => (a < b ? -1 : 1)))
    .slice(0, sizes.subgroups)
    .flatMap(([name, of]) =>
      new Random(seed, 'subgroup', name).shuffle(of).slice(0, sizes.conceptsOfSubgroup),
    );

  return [
    ...pretrain.flatMap((c) => place('pretrain', `${c.subgroup}/${c.slug}`, c)),
    ...unseen.flatMap((c) => place('transfer-concepts', c.slug, c)),
    ...unseenSubgroups.flatMap((c) => place('transfer-subgroups', `${c.subgroup}/${c.slug}`, c)),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
};
