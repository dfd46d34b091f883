// Which drawings the net is trained on and which it is tested on: disjoint groups of concepts, families kept together.
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

/** Numbers of concepts, subgroups and drawings. */
export const sizes = {
  /** Minimum number of artists of a training concept. */
  artistsOfPretrain: 3,
  /** Of so many concepts that were drawn by five artists or more, one artist's drawing validates. */
  validation: 150,
  artistsOfValidation: 5,
  /** Transfer by concept: so many concepts, each drawn by this many artists. */
  concepts: 100,
  artistsOfConcept: 6,
  /** Transfer by subgroup: so many subgroups, of so many concepts each, drawn by at least this many artists. */
  subgroups: 16,
  conceptsOfSubgroup: 14,
  artistsOfSubgroup: 3,
} as const;

/** One image to render and its path. */
export interface Placed {
  readonly drawing: Drawing;
  /** Path below the image folder, `/` between folders: "pretrain/train/heart/red-heart/noto.png". */
  readonly path: string;
}

type Part = 'pretrain/train' | 'pretrain/val' | 'transfer-concepts' | 'transfer-subgroups';

const familyOf = (drawing: Drawing): string => artistNamed(drawing.artist).family;

/** Drawings by concept, in the order of the table of artists. */
export const byConcept = (drawings: readonly Drawing[]): Map<Concept, Drawing[]> => {
  const rank = (drawing: Drawing): number => artists.indexOf(artistNamed(drawing.artist));
  const found = new Map<Concept, Drawing[]>();
  for (const drawing of [...drawings].sort((a, b) => rank(a) - rank(b)))
    found.set(drawing.concept, [...(found.get(drawing.concept) ?? []), drawing]);
  return found;
};

/** One drawing of each family: the version that stands first. */
export const firstVersions = (drawings: readonly Drawing[]): Drawing[] =>
  drawings.filter((drawing, i) => drawings.findIndex((d) => familyOf(d) === familyOf(drawing)) === i);

const inGroups = (concept: Concept, names: readonly string[]): boolean =>
  names.includes(concept.group) &&
  // Additions of one artist repeat the official groups under their own: "extras-unicode/food-drink".
  ![...groups.pretrain, ...groups.transfer].some((group) => group === concept.subgroup);

const bySlug = (a: Concept, b: Concept): number => (a.slug < b.slug ? -1 : 1);

/** Chooses the images of the demo; the same drawings and seed give the same choice. Sorted by path. */
export const select = (drawings: readonly Drawing[], seed: number): Placed[] => {
  const all = byConcept(drawings);
  const artistsOf = (concept: Concept): number => firstVersions(all.get(concept)!).length;
  const concepts = (names: readonly string[], artistsAtLeast: number): Concept[] =>
    [...all.keys()]
      .filter((concept) => inGroups(concept, names) && artistsOf(concept) >= artistsAtLeast)
      .sort(bySlug);
  const place = (part: Part, folder: string, of: readonly Drawing[]): Placed[] =>
    of.map((drawing) => ({ drawing, path: `${part}/${folder}/${drawing.artist}.png` }));
  const nested = ({ subgroup, slug }: Concept): string => `${subgroup}/${slug}`;

  const seen = concepts(groups.pretrain, sizes.artistsOfPretrain);
  const validating = new Random(seed, 'validation')
    .shuffle(seen.filter((concept) => artistsOf(concept) >= sizes.artistsOfValidation))
    .slice(0, sizes.validation);
  const held = new Map(
    validating.map((concept) => {
      const of = firstVersions(all.get(concept)!);
      return [concept, of[new Random(seed, 'held', concept.code).below(of.length)]!];
    }),
  );

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
    ...seen.flatMap((concept) => {
      const aside = held.get(concept);
      const trains = all.get(concept)!.filter((drawing) => !aside || familyOf(drawing) !== familyOf(aside));
      return [
        ...place('pretrain/train', nested(concept), trains),
        ...place('pretrain/val', nested(concept), aside ? [aside] : []),
      ];
    }),
    ...unseen.flatMap((concept) =>
      place('transfer-concepts', concept.slug, firstVersions(all.get(concept)!)),
    ),
    ...unseenSubgroups.flatMap((concept) =>
      place('transfer-subgroups', nested(concept), firstVersions(all.get(concept)!)),
    ),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
};
