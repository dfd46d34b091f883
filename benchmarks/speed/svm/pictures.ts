// Pictures of the SVM benchmark: emoji drawings in many scenes each, rendered as in the demo, as many as in Caltech-256.
import { Random } from '../../../src/random.js';
import { readConcepts } from '../../demo/concepts.js';
import { type Drawing, readDrawings } from '../../demo/drawings.js';
import { byConcept, firstVersions, groups } from '../../demo/selection.js';

/** Classes, artists per class, scenes per drawing: 257 x 5 x 12 = 15,420 pictures, as many as train on Caltech-256. */
const sizes = { classes: 257, artists: 5, scenes: 12 } as const;

/** One picture: a drawing in a scene. */
export interface Picture {
  readonly drawing: Drawing;
  readonly scene: number;
  /** The class: the folder of its concept. */
  readonly name: string;
  /** A coarser class: the subgroup of its concept. */
  readonly subgroup: string;
  /** Index within its class. */
  readonly index: number;
}

const transfer: readonly string[] = groups.transfer;

/** The pictures by class, from groups of concepts that did not train the net. */
export const choosePictures = async (): Promise<Picture[]> => {
  const all = byConcept(await readDrawings(await readConcepts()));
  const drawn = [...all].filter(
    ([{ group, subgroup }, drawings]) =>
      transfer.includes(group) &&
      !transfer.includes(subgroup) && // Drawn by one artist only: "extras-openmoji/objects".
      firstVersions(drawings).length >= sizes.artists,
  );
  drawn.sort(([a], [b]) => (a.slug < b.slug ? -1 : 1));
  return new Random('svm benchmark')
    .shuffle(drawn)
    .slice(0, sizes.classes)
    .flatMap(([{ slug, subgroup }, drawings]) => {
      const artists = firstVersions(drawings).slice(0, sizes.artists);
      return Array.from({ length: sizes.artists * sizes.scenes }, (_, index): Picture => {
        const drawing = artists[index % sizes.artists]!;
        const scene = 1 + Math.floor(index / sizes.artists);
        return { drawing, scene, name: slug, subgroup, index };
      });
    });
};
