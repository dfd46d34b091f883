// The pictures of the SVM benchmark: emoji drawings as the demo renders them, each in many scenes, in the shape of Caltech-256.
import { Random } from '../../../src/random.js';
import { readConcepts } from '../../demo/concepts.js';
import { type Drawing, readDrawings } from '../../demo/drawings.js';
import { byConcept, firstVersions, groups } from '../../demo/selection.js';

/** Classes, artists that drew each, scenes of each drawing: 257 x 5 x 12 = 15,420 pictures, as many as Caltech-256 trains on. */
const sizes = { classes: 257, artists: 5, scenes: 12 } as const;

/** One picture: a drawing in the scene of a seed. */
export interface Picture {
  readonly drawing: Drawing;
  readonly scene: number;
  /** Its concept's folder: the class. */
  readonly name: string;
  /** The subgroup of its concept: a coarser class. */
  readonly subgroup: string;
  /** Which of its class's pictures it is. */
  readonly index: number;
}

const transfer: readonly string[] = groups.transfer;

/** The pictures, class by class; concepts are of groups that the net is not trained on. */
export const choosePictures = async (): Promise<Picture[]> => {
  const all = byConcept(await readDrawings(await readConcepts()));
  const drawn = [...all].filter(
    ([{ group, subgroup }, drawings]) =>
      transfer.includes(group) &&
      !transfer.includes(subgroup) && // Additions of one artist: "extras-openmoji/objects".
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
